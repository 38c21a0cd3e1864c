// Box:   tests/boxes.   Uses: tiny/remote_word.h.   Must not know: real slabs.
// Holds: what a thread of the model can do in one step.
// Read next: tests/boxes/remote_machine.cc

#ifndef HAKMEM_TESTS_BOXES_REMOTE_MACHINE_H_
#define HAKMEM_TESTS_BOXES_REMOTE_MACHINE_H_

#include <initializer_list>

#include "tests/boxes/remote_model.h"

namespace hakmem::boxes {

using tiny::RemoteWord;
using tiny::SlabState;

enum RemoteModel::Op : uint8_t {
  // Locks. The heap's is `target`'s.
  kLock,
  kTryLock,  // HelpOwner
  kUnlock,
  kLockOrphans,
  kUnlockOrphans,
  // With the heap's lock.
  kDrain,           // DrainNotifyLocked
  kReleaseIfEmpty,  // ReleaseIfEmptyLocked
  kCollectAndSettle,
  kSettle,
  kTake,  // TakeOrPutAsideLocked
  kTakeCollect,
  kPutAsideLoad,
  kPutAsideCas,
  kFreeLocal,  // ReturnBlockLocked
  kFreeLook,
  kOpenLoad,  // OpenLocked
  kOpenCas,
  kSweep,      // PreparePurgeLocked
  kHelpCheck,  // HelpOwner
  kSetIdle,    // AbandonLocked
  kTryOrphan,  // TryOrphanLocked
  kTryOrphanCas,
  kOrphan,  // OrphanLocked
  kOrphanLoad,
  kOrphanOwner,
  kOrphanCas,
  kOrphanAgain,
  kSettleIdle,  // SettleIdleHeap
  kExit,
  // RemoteFree and NotifyOwner.
  kPushLoad,
  kPushOwner,
  kPushUsed,
  kPushCas,
  kLookUsed,
  kNotify,
  kNotifyLook,
  kReleaseOrphan,
  kPool,  // ReleaseSlab
  // AdoptOrphanLocked.
  kAdopt,
  kAdoptOwner,
  // AcquireSlab and InitSlabLocked.
  kInit,
};
enum List : uint8_t { kNoList, kPartial, kFull, kOrphans };

inline constexpr uint8_t kAllBlocks = (1u << kBlocks) - 1;

inline unsigned Lowest(uint8_t mask) {
  return static_cast<unsigned>(__builtin_ctz(mask));
}
inline unsigned Count(uint8_t mask) {
  return static_cast<unsigned>(__builtin_popcount(mask));
}
inline uint8_t Bit(unsigned block) { return static_cast<uint8_t>(1u << block); }

uint8_t HeldByAll(const RemoteModel::State& s);
// The blocks of a chain; 0xFF: it is not one.
uint8_t Walk(const RemoteModel::State& s, unsigned head, unsigned count);

// One step of one thread.
class RemoteModel::Machine {
 public:
  Machine(const Config& config, State* state, int thread)
      : fault_(config.fault), s_(*state), t_(state->threads[thread]) {
    me_ = static_cast<uint8_t>(thread + 1);
  }

  // The operations run in the order in which they are given.
  void Begin(std::initializer_list<Op> ops) {
    for (const Op* op = ops.end(); op != ops.begin();) {
      if (t_.depth == sizeof(t_.stack))
        return Violate("the stack is too small");
      t_.stack[t_.depth++] = *--op;
    }
  }

  bool CanRun() const {
    switch (t_.stack[t_.depth - 1]) {
      case kLock:
        return s_.lock[t_.target] == 0;
      case kLockOrphans:
        return s_.orphan_lock == 0;
      default:
        return true;
    }
  }

  // One step. To take a lock commutes with what others do before it, to give
  // it back with what they do afterwards: neither needs a step of its own.

  void Run();

 private:
  static bool IsLock(Op op) {
    return op == kLock || op == kLockOrphans || op == kTryLock;
  }
  bool NeedsNoStep() const {
    switch (t_.stack[t_.depth - 1]) {
      case kUnlock:
      case kUnlockOrphans:
      case kHelpCheck:  // reads what the lock protects
        return true;
      case kSettle:
        return s_.chain_count == 0;
      default:
        return false;
    }
  }

  void Violate(const char* what) {
    if (s_.violation == nullptr) s_.violation = what;
  }
  RemoteWord Word() const { return RemoteWord::Unpack(s_.word); }
  void Load() { t_.old = s_.word; }
  uint64_t Tagged(RemoteWord word) const {
    if (fault_ == RemoteFault::kNoTag) word.tag = 0;
    return word.Pack();
  }
  bool Cas(RemoteWord next) {
    if (s_.word != t_.old) {
      t_.old = s_.word;
      return false;
    }
    s_.word = Tagged(next);
    return true;
  }
  void Hold(unsigned block) { t_.held |= Bit(block); }
  bool Owns() const { return s_.owner == t_.target && s_.in_pool == 0; }

  void RunLock(Op op);
  void RunOwner(Op op);
  void Take();
  void Release();
  void RunReturn(Op op);
  void RunLifetime(Op op);
  void TryOrphan();
  void RunPush(Op op);
  void Push();
  void RunHandOver(Op op);
  bool Collect();
  void RunOp();

  RemoteFault fault_;
  State& s_;
  Thread& t_;
  uint8_t me_;
};
}  // namespace hakmem::boxes

#endif  // HAKMEM_TESTS_BOXES_REMOTE_MACHINE_H_
