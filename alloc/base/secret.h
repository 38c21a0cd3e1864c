// Box:   base.   Uses: platform.   Must not know: what is kept secret with it.
// Holds: the process's secret and a generator of order, for defences that an
//        attacker must not be able to compute.
// Locks: none.   Read next: alloc/base/bytes.h

#ifndef HAKMEM_ALLOC_BASE_SECRET_H_
#define HAKMEM_ALLOC_BASE_SECRET_H_

#include <cstdint>

namespace hakmem {

// 0 until DrawSecret. A block is handed out after it was drawn, so whoever has
// a block reads it plainly.
extern uint64_t g_secret __asm__("hakmem_secret")
    __attribute__((visibility("hidden")));

// Draws the secret once; cheap if repeated. From the 16 random bytes that the
// kernel puts on every new process's stack: no system call.
uint64_t DrawSecret();

// Not a cipher: an order that differs from run to run, and with what it was
// begun with.
class Shuffler {
 public:
  explicit Shuffler(uint64_t begun_with)
      : state_((DrawSecret() ^ begun_with) * 0x9E3779B97F4A7C15u | 1) {}
  // 0..limit-1, for limits far below 2^32.
  unsigned Below(unsigned limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<unsigned>(((state_ >> 32) * limit) >> 32);
  }

 private:
  uint64_t state_;
};

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_SECRET_H_
