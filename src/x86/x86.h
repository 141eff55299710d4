/* x86.h - front of this folder: the processor's state, its models and tables. */
#ifndef PANDOK_X86_X86_H
#define PANDOK_X86_X86_H

#include "x86/bits.h"
#include "x86/cpuid.h"
#include "x86/engine.h"
#include "x86/vcpu.h"

#endif
