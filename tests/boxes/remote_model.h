// Box:   tests/boxes.   Uses: tiny/remote_word.h.   Must not know: real slabs.
// Holds: one slab, two heaps and four threads as an abstract machine, whose
//        transitions of the remote word are those of the allocator itself.
// Read next: tests/boxes/remote_machine.h
//
// Thread 0 owns the slab as heap 1; threads 1 and 2 have no heap and free
// remotely; thread 3 has heap 2 and adopts the slab, or gets it from the pool.
// A step is one access to a shared word, with what its thread does to fields
// that a lock protects. Two loops are one step each, the owner's collect and
// the push on the notify list: a failed CAS there changes nothing, and nothing
// but the word itself is read between load and CAS. Kept slabs (kKept) and
// page purges are left out: neither touches the word.

#ifndef HAKMEM_TESTS_BOXES_REMOTE_MODEL_H_
#define HAKMEM_TESTS_BOXES_REMOTE_MODEL_H_

#include <cstdint>
#include <vector>

#include "alloc/tiny/remote_word.h"
#include "tests/boxes/explorer.h"

namespace hakmem::boxes {

// Rules of the protocol that the model can break.
enum class RemoteFault : uint8_t {
  kNone,
  kFullWithNotify,     // a slab with a notify on its way becomes FULL again
  kReleaseWithNotify,  // it is released
  kOrphanWithNotify,   // it becomes ORPHAN
  kNoTag,              // the tag does not count
  kNoNotify,           // who opens a FULL slab tells nobody
  kIdleNotSeen,        // a notifier does not look whether the heap is idle
  kIdleTooLate,        // a heap becomes idle after it has drained its list
  kHelpUnchecked,      // a helper trusts the slab it knew before its CAS
  kAdoptBlindly,       // an adopter does not look at the state
  kStaleUsed,          // a pusher reads `used` once, not once per try
};

inline constexpr int kThreads = 4;
inline constexpr unsigned kBlocks = 4;

class RemoteModel {
 public:
  enum Op : uint8_t;

  struct Thread {
    uint64_t old;      // the remote word as loaded
    uint8_t stack[8];  // Ops, the next one last
    uint8_t depth;
    uint8_t budget;  // operations that it may still begin
    uint8_t held;    // blocks, as bits; `chain`: those it is returning
    uint8_t chain;
    uint8_t heap;    // its own; 0: none
    uint8_t target;  // whose lock it holds, or wants
    uint8_t owner;   // as it read them before its CAS
    uint8_t used;
  };

  struct State {
    Thread threads[kThreads];
    uint64_t word;
    const char* violation;
    uint8_t link[kBlocks];  // block + 1; 0: none
    uint8_t bitmap;         // free blocks
    uint8_t used;
    uint8_t chain_head;
    uint8_t chain_count;
    uint8_t list;
    uint8_t pending;  // kNotifyPending
    uint8_t owner;    // heap; 0: none
    uint8_t in_pool;
    uint8_t in_flight;  // notifies between their CAS and the owner's drain
    uint8_t orphan_lock;
    uint8_t lock[3], idle[3], notify[3];  // by heap, 1 and 2
    uint8_t padding[1];
  };

  struct Config {
    RemoteFault fault = RemoteFault::kNone;
    // An owner that sleeps for ever is no excuse for an empty slab.
    bool owner_sleeps = false;
    uint8_t held[kThreads] = {};
    uint8_t budget[kThreads] = {};
    bool starts_full = false;
  };

  explicit RemoteModel(const Config& config) : config_(config) {}

  State First() const;
  void Successors(const State& state,
                  std::vector<Explorer<RemoteModel>::Successor>* out) const;
  const char* AtEnd(const State& state) const;
  State Canonical(const State& state) const;

 private:
  class Machine;
  Config config_;
};

Finding Check(const RemoteModel::Config& config);

}  // namespace hakmem::boxes

#endif  // HAKMEM_TESTS_BOXES_REMOTE_MODEL_H_
