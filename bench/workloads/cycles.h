// The cycle counter, fenced so that the call under test lies between two
// readings. On aarch64 it is the generic timer, which ticks far slower than
// the core (often 24 MHz to 1 GHz); what it cannot resolve it reports as 0.
#ifndef BENCH_WORKLOADS_CYCLES_H_
#define BENCH_WORKLOADS_CYCLES_H_

#include <stdint.h>

#if defined(__x86_64__)
static inline uint64_t CyclesBefore(void) {
  uint32_t low;
  uint32_t high;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence"
                   : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}
static inline uint64_t CyclesAfter(void) {
  uint32_t low;
  uint32_t high;
  __asm__ volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high)::"rcx", "memory");
  return (uint64_t)high << 32 | low;
}
#else
static inline uint64_t CyclesBefore(void) {
  uint64_t count;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(count)::"memory");
  return count;
}
static inline uint64_t CyclesAfter(void) { return CyclesBefore(); }
#endif

#endif  // BENCH_WORKLOADS_CYCLES_H_
