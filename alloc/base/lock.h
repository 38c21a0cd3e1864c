// Box:   base.   Uses: platform.   Must not know: what is locked.
// Holds: the lock of the slow paths, with or without statistics.
// Locks: order in alloc/README.md.   Read next: alloc/base/lock_stats.h

#ifndef HAKMEM_ALLOC_BASE_LOCK_H_
#define HAKMEM_ALLOC_BASE_LOCK_H_

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "alloc/base/lock_stats.h"
#include "alloc/base/variant.h"
#include "platform/futex.h"

namespace hakmem {

// A futex lock of four bytes, constant-initialised, without recursion and
// without fairness. Constructed with a name, which only those that count keep.
template <class Stats>
class BasicLock : private Stats {
 public:
  constexpr explicit BasicLock(const char* name) : Stats(name) {}
  BasicLock(const BasicLock&) = delete;
  BasicLock& operator=(const BasicLock&) = delete;

  // Not inlined: slow paths have a hundred places that lock, and these few
  // instructions would be most of them.
  HAK_NOINLINE void Acquire() {
    Stats::OnAcquiring();
    uint32_t expected = kFree;
    // acquire: the critical section sees what the last holder released.
    if (HAK_UNLIKELY(!word_.compare_exchange_strong(
            expected, kHeld, std::memory_order_acquire,
            std::memory_order_relaxed))) {
      AcquireSlow();
    }
    Stats::OnAcquired();
  }

  // False: somebody holds it.
  bool TryAcquire() {
    uint32_t expected = kFree;
    // acquire: as above.
    if (!word_.compare_exchange_strong(expected, kHeld,
                                       std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
      return false;
    }
    Stats::OnAcquired();
    return true;
  }

  HAK_NOINLINE void Release() {
    Stats::OnReleasing();
    // release: pairs with the acquire of the next holder.
    if (HAK_UNLIKELY(word_.exchange(kFree, std::memory_order_release) ==
                     kWaitedFor)) {
      WakeOne();
    }
    Stats::OnReleased();
  }

  // The child of a fork owns what its parent thread held; waiters are gone.
  void ReleaseInChild() {
    Stats::OnReleasing();
    Stats::OnReleased();
    // relaxed: the child has one thread.
    word_.store(kFree, std::memory_order_relaxed);
  }

  const Stats& stats() const { return *this; }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr uint32_t kHeld = 1;
  static constexpr uint32_t kWaitedFor = 2;
  static constexpr int kSpins = 100;

  HAK_COLD void WakeOne() { platform::FutexWake(&word_, 1); }

  HAK_COLD void AcquireSlow() {
    const uint64_t since = Stats::OnContended();
    int spins = 0;
    for (; spins < kSpins; ++spins) {
      uint32_t expected = kFree;
      // relaxed peek, so that the line is not bounced; acquire as above.
      if (word_.load(std::memory_order_relaxed) == kFree &&
          word_.compare_exchange_weak(expected, kHeld,
                                      std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        Stats::OnWaited(since, spins, 0);
        return;
      }
      platform::CpuRelax();
    }
    if (platform::IsDying()) return;
    int sleeps = 0;
    // acquire as above; kWaitedFor makes the holder wake somebody.
    while (word_.exchange(kWaitedFor, std::memory_order_acquire) != kFree) {
      platform::FutexWait(&word_, kWaitedFor);
      ++sleeps;
    }
    Stats::OnWaited(since, spins, sleeps);
  }

  std::atomic<uint32_t> word_{kFree};
};

using Lock =
    BasicLock<std::conditional_t<kVariant.lock_stats, LockStats, Uncounted>>;

// Whatever they count, where they do not they are a word.
static_assert(sizeof(BasicLock<Uncounted>) == sizeof(uint32_t));

class LockHolder {
 public:
  explicit LockHolder(Lock& lock) : lock_(lock) { lock_.Acquire(); }
  ~LockHolder() { lock_.Release(); }
  LockHolder(const LockHolder&) = delete;
  LockHolder& operator=(const LockHolder&) = delete;

 private:
  Lock& lock_;
};

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_LOCK_H_
