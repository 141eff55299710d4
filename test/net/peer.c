/* peer.c - what the network tests run in guests and on the host: data with a known order over a vsock,
 * a unix socket or TCP.
 *   usage: peer send|receive BYTES END
 *          peer pour|drain BYTES END: the same with zeroes that nobody looks at; says how long it took
 *          peer hear PORT, peer call PORT: a datagram and its answer
 *   END: vsock:PORT listen:PORT in a guest; unix:PATH unix-listen:PATH connect:PATH:PORT on the host;
 *        tcp:ADDRESS:PORT tcp-listen:PORT in both; - is standard output
 * A sender ends its direction and waits for the receiver's verdict; both print "BYTES ok". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int vsock(unsigned cid, unsigned port, int listens)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	if (!listens) {
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
			die("connect");
		return fd;
	}
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		die("listen");
	printf("listening\n");
	fflush(stdout);
	return accept(fd, NULL, NULL);
}

static int unix_socket(const char *path, int listens)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	if (!listens) {
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
			die(path);
		return fd;
	}
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		die(path);
	return accept(fd, NULL, NULL);
}

/* The host's way to a guest's port: "CONNECT port", "OK port". */
static int through(char *path)
{
	char *port = strrchr(path, ':'), line[64];
	size_t n = 0;
	int fd;

	*port++ = 0;
	fd = unix_socket(path, 0);
	dprintf(fd, "CONNECT %s\n", port);
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	if (strncmp(line, "OK ", 3)) {
		fprintf(stderr, "refused\n");
		exit(1);
	}
	return fd;
}

static int tcp(char *address, int listens)
{
	char *port = listens ? address : strrchr(address, ':') + 1;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (!listens) {
		port[-1] = 0;
		inet_pton(AF_INET, address, &a.sin_addr);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
			die("connect");
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1))
		die("listen");
	printf("listening\n");
	fflush(stdout);
	return accept(fd, NULL, NULL);
}

static int open_end(char *what)
{
	char *arg = strchr(what, ':');

	if (!strcmp(what, "-"))
		return 1;
	if (!arg)
		exit(2);
	*arg++ = 0;
	if (!strcmp(what, "vsock"))
		return vsock(VMADDR_CID_HOST, (unsigned)atoi(arg), 0);
	if (!strcmp(what, "listen"))
		return vsock(VMADDR_CID_ANY, (unsigned)atoi(arg), 1);
	if (!strncmp(what, "tcp", 3))
		return tcp(arg, !strcmp(what, "tcp-listen"));
	if (!strcmp(what, "connect"))
		return through(arg);
	return unix_socket(arg, !strcmp(what, "unix-listen"));
}

/* Byte number i of the stream. */
static uint8_t byte(uint64_t i)
{
	return (uint8_t)((i * 2654435761u) >> 13);
}

static int send_all(int fd, uint64_t total, int patterned)
{
	static uint8_t buf[50000]; /* no power of two, so that windows end in the middle */
	char verdict[16] = "";

	for (uint64_t at = 0; at < total;) {
		size_t n = total - at < sizeof(buf) ? (size_t)(total - at) : sizeof(buf), done = 0;

		for (size_t i = 0; i < n && patterned; i++)
			buf[i] = byte(at + i);
		while (done < n) {
			ssize_t w = write(fd, buf + done, n - done);

			if (w < 0)
				die("write");
			done += (size_t)w;
		}
		at += n;
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, verdict, sizeof(verdict) - 1) < 0 || strcmp(verdict, "ok"))
		return 1;
	printf("%llu ok\n", (unsigned long long)total);
	return 0;
}

static int receive_all(int fd, uint64_t total, int patterned)
{
	static uint8_t buf[70000];
	uint64_t at = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n && patterned; i++)
			if (buf[i] != byte(at + (uint64_t)i)) {
				printf("byte %llu is wrong\n", (unsigned long long)at + (uint64_t)i);
				return 1;
			}
		at += (uint64_t)n;
	}
	if (n < 0)
		die("read");
	if (at != total) {
		printf("only %llu bytes\n", (unsigned long long)at);
		return 1;
	}
	if (write(fd, "ok", 2) != 2)
		die("write");
	printf("%llu ok\n", (unsigned long long)total);
	return 0;
}

/* One datagram there, one back; the caller repeats its own until then. */
static int datagram(const char *port, int calls)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval second = { 1, 0 };
	socklen_t len = sizeof(a);
	char buf[64] = "";

	if (!calls) {
		if (bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
		    recvfrom(fd, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&a, &len) < 0 ||
		    sendto(fd, "answer", 6, 0, (struct sockaddr *)&a, len) != 6)
			die("hear");
	} else {
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
		for (int i = 0; i < 30 && !*buf; i++)
			if (sendto(fd, "question", 8, 0, (struct sockaddr *)&a, sizeof(a)) != 8 ||
			    recv(fd, buf, sizeof(buf) - 1, 0) < 0)
				continue;
	}
	printf("heard %s\n", buf);
	return !*buf;
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	int fd, rc, patterned;
	uint64_t total;

	if (argc == 3)
		return datagram(argv[2], !strcmp(argv[1], "call"));

	if (argc != 4)
		return 2;
	total = strtoull(argv[2], NULL, 10);
	fd = open_end(argv[3]);
	if (fd < 0)
		die("accept");
	patterned = !strcmp(argv[1], "send") || !strcmp(argv[1], "receive");
	clock_gettime(CLOCK_MONOTONIC, &from);
	rc = strcmp(argv[1], "send") && strcmp(argv[1], "pour") ? receive_all(fd, total, patterned)
								: send_all(fd, total, patterned);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (!patterned)
		printf("bench tcp%s 0 %.3f B\n", strcmp(argv[1], "pour") ? "down" : "up",
		       ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
		       (double)total);
	return rc;
}
