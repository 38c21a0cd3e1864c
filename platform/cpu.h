// Box:   platform.   Uses: nothing.   Must not know: what an allocator is.
// Holds: what differs between CPUs and compilers, and nothing else does.
// Locks: none.   Read next: platform/page_source.h

#ifndef HAKMEM_PLATFORM_CPU_H_
#define HAKMEM_PLATFORM_CPU_H_

#include <stddef.h>
#include <stdint.h>

// Static initialisation or a compile error: hakmem runs before constructors.
#if defined(__clang__)
#define HAK_CONSTINIT [[clang::require_constant_initialization]]
#else
#define HAK_CONSTINIT __constinit
#endif

#define HAK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HAK_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define HAK_INLINE inline __attribute__((always_inline))
#define HAK_COLD __attribute__((cold, noinline))
// Called so often that it shall begin at a cache line.
#define HAK_HOT __attribute__((aligned(64)))
#define HAK_NOINLINE __attribute__((noinline))
// Not exported and not interposable: its address needs no load from a GOT.
#define HAK_HIDDEN __attribute__((visibility("hidden")))

namespace hakmem::platform {

inline constexpr size_t kCacheLine = 64;

// The value, of which the compiler knows nothing any more: it computes with
// what is in the register instead of going back to where that came from.
HAK_INLINE size_t Opaque(size_t value) {
  __asm__("" : "+r"(value));
  return value;
}

// The function has a frame record, as those of a program with frame pointers
// have: who walks along them (a heap profile, a profiler, a debugger) would
// miss the caller of one without. For what calls malloc and is called as it is.
HAK_INLINE void KeepFrame() {
  __asm__ volatile("" : : "r"(__builtin_frame_address(0)));
}

// A system call without libc: no errno, no cancellation point, and nothing
// that an interposer or a sanitizer could redirect into malloc again.
// Returns the kernel's value: -4095..-1 is a negated errno.
#if defined(__x86_64__)
inline long Syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0,
                    long e = 0, long f = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                     "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
inline void CpuRelax() { __asm__ volatile("pause" ::: "memory"); }
// Roughly nanoseconds, without a system call: the counter of this CPU runs at
// two to five gigahertz. A third by the upper half of a product: where size
// counts the compiler divides, which takes older CPUs up to 90 cycles.
inline uint64_t RoughNanoseconds() {
  constexpr uint64_t kThird = UINT64_MAX / 3 + 1;
  const unsigned __int128 ticks = __builtin_ia32_rdtsc();
  return static_cast<uint64_t>((ticks * kThird) >> 64);
}
// Is the instruction that ends here a call? The 7 bytes before are readable.
inline bool FollowsCall(uintptr_t pc) {
  const unsigned char* end = reinterpret_cast<const unsigned char*>(pc);
  if (end[-5] == 0xE8) return true;  // to a place in the code
  // FF /2 with up to 7 bytes: through a register or memory.
  for (int length = 2; length <= 7; ++length) {
    if (end[-length] == 0xFF && (end[1 - length] & 0x38) == 0x10) return true;
  }
  return false;
}
#elif defined(__aarch64__)
inline long Syscall(long number, long a = 0, long b = 0, long c = 0, long d = 0,
                    long e = 0, long f = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}
inline void CpuRelax() { __asm__ volatile("yield" ::: "memory"); }
inline uint64_t RoughNanoseconds() {
  uint64_t ticks;
  uint64_t per_second;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(per_second));
  const uint64_t per_microsecond = per_second / 1000000;
  // By the microsecond, or a counter of 1 GHz would overflow in 213 days.
  return per_microsecond == 0 ? ticks : ticks / per_microsecond * 1000;
}
// As above: BL, or BLR.
inline bool FollowsCall(uintptr_t pc) {
  if (pc % 4 != 0) return false;
  const uint32_t last = reinterpret_cast<const uint32_t*>(pc)[-1];
  return (last & 0xFC000000u) == 0x94000000u ||
         (last & 0xFFFFFC1Fu) == 0xD63F0000u;
}
#else
#error "hakmem knows x86-64 and aarch64; add what stands above for yours."
#endif

static_assert(sizeof(void*) == 8, "hakmem needs a 64-bit CPU");

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_CPU_H_
