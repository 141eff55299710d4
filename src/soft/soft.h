/* soft.h - front of this folder: the translating engine. See DESIGN section 4. */
#ifndef PANDOK_SOFT_SOFT_H
#define PANDOK_SOFT_SOFT_H

#include "x86/x86.h"

extern const struct engine_ops soft_ops;

#endif
