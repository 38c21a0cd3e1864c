// Box:   base.   Uses: platform.   Must not know: what is locked.
// Holds: what a lock knows about itself: nothing in release.
// Locks: none.   Read next: alloc/base/pointers.h

#ifndef HAKMEM_ALLOC_BASE_LOCK_STATS_H_
#define HAKMEM_ALLOC_BASE_LOCK_STATS_H_

#include <time.h>

#include <atomic>
#include <cstdint>

#include "platform/die.h"

namespace hakmem {

// An empty base: no member, no code.
class Uncounted {
 protected:
  constexpr explicit Uncounted(const char*) {}
  void OnAcquiring() {}
  void OnAcquired() {}
  void OnReleasing() {}
  void OnReleased() {}
  uint64_t OnContended() { return 0; }
  void OnWaited(uint64_t, int, int) {}
};

class LockStats {
 public:
  // Every lock that was ever acquired, newest first. Such locks are never
  // destroyed.
  static const LockStats* First() {
    // acquire: pairs with the release in Enlist.
    return first_.load(std::memory_order_acquire);
  }
  const LockStats* next() const { return next_; }
  const char* name() const { return name_; }
  // relaxed everywhere: counters order nothing and are read as gauges.
  uint64_t acquired() const { return Get(acquired_); }
  uint64_t contended() const { return Get(contended_); }
  uint64_t spins() const { return Get(spins_); }
  uint64_t sleeps() const { return Get(sleeps_); }
  uint64_t waited_ns() const { return Get(waited_ns_); }
  uint64_t longest_ns() const { return Get(longest_ns_); }

 protected:
  constexpr explicit LockStats(const char* name) : name_(name) {}
  // A signal handler that interrupted the holder would wait for itself, for
  // ever. `t_turning` covers the moments in which the lock is taken and not
  // noted yet, or noted no more and not free yet.
  void OnAcquiring() {
    // relaxed, all of `holder_`: only this thread ever finds itself there.
    if (!platform::IsDying() &&
        (t_turning == this ||
         holder_.load(std::memory_order_relaxed) == &t_turning)) {
      platform::Die("malloc or free in a signal handler that interrupted one");
    }
    Turn(this);
  }
  void OnAcquired() {
    // One of all acquisitions is the first.
    if (acquired_.fetch_add(1, std::memory_order_relaxed) == 0) Enlist();
    holder_.store(&t_turning, std::memory_order_relaxed);
    Turn(nullptr);
  }
  void OnReleasing() {
    Turn(this);
    holder_.store(nullptr, std::memory_order_relaxed);
  }
  void OnReleased() { Turn(nullptr); }
  uint64_t OnContended() {
    Add(contended_, 1);
    return Now();
  }
  // Called by the new holder: the maximum needs no loop.
  void OnWaited(uint64_t since, int spins, int sleeps) {
    const uint64_t waited = Now() - since;
    Add(spins_, static_cast<uint64_t>(spins));
    Add(sleeps_, static_cast<uint64_t>(sleeps));
    Add(waited_ns_, waited);
    if (waited > Get(longest_ns_)) {
      longest_ns_.store(waited, std::memory_order_relaxed);
    }
  }

 private:
  using Counter = std::atomic<uint64_t>;
  static uint64_t Get(const Counter& c) {
    return c.load(std::memory_order_relaxed);
  }
  static void Add(Counter& c, uint64_t n) {
    c.fetch_add(n, std::memory_order_relaxed);
  }
  void Enlist() {
    const LockStats* head = first_.load(std::memory_order_relaxed);
    do {
      next_ = head;
      // release: pairs with the acquire in First.
    } while (!first_.compare_exchange_weak(
        head, this, std::memory_order_release, std::memory_order_relaxed));
  }
  static void Turn(const LockStats* lock) {
    // In the order that the thread's own signal handlers see.
    std::atomic_signal_fence(std::memory_order_acq_rel);
    t_turning = lock;
    std::atomic_signal_fence(std::memory_order_acq_rel);
  }
  static uint64_t Now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64_t>(t.tv_sec) * 1000000000u +
           static_cast<uint64_t>(t.tv_nsec);
  }

  static inline std::atomic<const LockStats*> first_{nullptr};
  static inline __thread const LockStats* t_turning;

  const char* name_;
  const LockStats* next_ = nullptr;
  std::atomic<const void*> holder_{nullptr};
  Counter acquired_{0};
  Counter contended_{0};
  Counter spins_{0};
  Counter sleeps_{0};
  Counter waited_ns_{0};
  Counter longest_ns_{0};
};

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_LOCK_STATS_H_
