// Box:   tests/boxes.   Uses: superslab/super_word.h.   Must not know: pages.
// Holds: two SuperSlabs of one group and three threads that acquire, release,
//        purge and unmap, as an abstract machine over the allocator's own
//        transitions of the SuperSlab word.
// Read next: tests/boxes/super_model.cc

#ifndef HAKMEM_TESTS_BOXES_SUPER_MODEL_H_
#define HAKMEM_TESTS_BOXES_SUPER_MODEL_H_

#include <cstdint>
#include <vector>

#include "alloc/superslab/super_word.h"
#include "tests/boxes/explorer.h"

namespace hakmem::boxes {

enum class SuperFault : uint8_t {
  kNone,
  kNoSecondLook,   // the available bit is cleared, and that was it
  kPeekBeforePut,  // a release sets the bit only if a look before the slab
                   // was put back found it clear: what a weak memory model
                   // makes of a look after it
  kNoBit,          // a release does not set the bit
  kPurgeInPlace,   // dirty slabs are purged without being taken out
  kCleanUnseen,    // a purge calls clean what it did not purge
  kRetireBusy,     // a SuperSlab is unmapped though a slab is out
  kPutByStore,     // a slab is put back without a CAS
  kNoTag,          // the tag does not count: no fault, see the test
};

class SuperModel {
 public:
  static constexpr int kThreads = 3;
  static constexpr int kSupers = 2;

  enum Op : uint8_t;

  struct Thread {
    uint64_t old;            // a SuperSlab word as loaded
    uint16_t held[kSupers];  // slabs in use by this thread
    uint16_t purging;        // slabs of `super` that it took out to purge
    uint8_t stack[6];
    uint8_t depth;
    uint8_t budget;
    uint8_t super;  // the SuperSlab that it looks at
    uint8_t peek;   // kPeekBeforePut: the bit as seen
    uint8_t clean;
    uint8_t padding[7];
  };

  struct State {
    Thread threads[kThreads];
    uint64_t word[kSupers];
    const char* violation;
    uint16_t dirty[kSupers];  // slabs whose pages were written: the truth
    uint8_t mapped[kSupers];
    uint8_t available;
    uint8_t padding[1];
  };

  struct Config {
    SuperFault fault = SuperFault::kNone;
    uint8_t budget[kThreads] = {};
    // What the pool and the threads have at the beginning.
    uint16_t free[kSupers] = {};
    uint16_t held[kThreads] = {};  // of SuperSlab 0
  };

  explicit SuperModel(const Config& config) : config_(config) {}

  State First() const;
  void Successors(const State& state,
                  std::vector<Explorer<SuperModel>::Successor>* out) const;
  const char* AtEnd(const State& state) const;
  State Canonical(const State& state) const;

 private:
  class Machine;
  Config config_;
};

Finding Check(const SuperModel::Config& config);

}  // namespace hakmem::boxes

#endif  // HAKMEM_TESTS_BOXES_SUPER_MODEL_H_
