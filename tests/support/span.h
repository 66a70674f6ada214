/* SPDX-License-Identifier: MIT */
/*
 * How long simulations run: their whole length in release builds, less where sanitizers make each
 * second as long as ten. A simulation has one thread and does the same again and again, so what a
 * sanitizer can find in a scene it finds early; every scene is played in every build.
 */
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define SIM_BRIEF 1
#else
#define SIM_BRIEF 0
#endif

#define SIM_SPAN(whole, brief) (SIM_BRIEF ? (brief) : (whole))
