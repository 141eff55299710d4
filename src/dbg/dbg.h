/* dbg.h - front of this folder: the debugger's commands, scripts and doors. What they show comes
 * from the folder know. */
#ifndef PANDOK_DBG_DBG_H
#define PANDOK_DBG_DBG_H

#include "know/know.h"

#endif
