/* fuzz_modem.c - any bytes to the modem: AT command lines, and PPP frames once a call is up. A first
 * byte with the lowest bit set begins in a call.
 * @links src/base src/net src/modem */
#include <stdlib.h>

#include "modem/int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct modem *m = calloc(1, sizeof(*m));
	u64 now = 1;

	if (!m)
		abort();
	m->o.sim = size && data[0] & 2 ? SIM_READY : SIM_LOCKED;
	at_power_on(m);
	if (size && data[0] & 1)
		modem_connect(m);
	for (size_t i = 1; i < size; i++) {
		if (m->online)
			ppp_byte(m, data[i]);
		else
			at_byte(m, data[i]);
		if (!(data[i] & 15)) {
			at_tick(m, now += SECOND);
			if (m->online)
				ppp_tick(m, now);
		}
		if (m->out_head - m->out_tail > OUT_MAX || m->at.len > LINE_MAX_AT || m->ppp.len > PPP_FRAME_MAX)
			abort();
		if (!(data[i] & 3))
			m->out_tail = m->out_head;
	}
	free(m);
	return 0;
}
