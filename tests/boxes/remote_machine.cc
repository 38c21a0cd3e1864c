// Box:   tests/boxes.   Uses: tiny/remote_word.h.   Must not know: real slabs.
// Holds: the steps. Each names the function of alloc/tiny that it follows.
// Read next: tests/boxes/remote_model.cc

#include "tests/boxes/remote_machine.h"

namespace hakmem::boxes {

uint8_t HeldByAll(const RemoteModel::State& s) {
  uint8_t held = 0;
  for (const auto& thread : s.threads) held |= thread.held;
  return held;
}

uint8_t Walk(const RemoteModel::State& s, unsigned head, unsigned count) {
  uint8_t mask = 0;
  for (; count > 0; --count) {
    if (head == 0 || head > kBlocks) return 0xFF;
    if ((mask & Bit(head - 1)) != 0) return 0xFF;
    mask |= Bit(head - 1);
    head = s.link[head - 1];
  }
  return mask;
}

namespace {

// Every block is in exactly one place.
const char* Conserved(const RemoteModel::State& s) {
  uint8_t seen = 0;
  for (const auto& thread : s.threads) {
    if ((seen & thread.held) != 0) return "a block is handed out twice";
    seen |= thread.held;
  }
  if (s.in_pool != 0) return seen == 0 ? nullptr : "released with blocks out";
  const RemoteWord word = RemoteWord::Unpack(s.word);
  const uint8_t chain = Walk(s, s.chain_head, s.chain_count);
  const uint8_t remote = Walk(s, word.head, word.count);
  if (chain == 0xFF || remote == 0xFF) return "a chain is broken";
  for (const uint8_t part : {s.bitmap, chain, remote}) {
    if ((seen & part) != 0) return "a block is free and not free";
    seen |= part;
  }
  if (seen != kAllBlocks) return "a block is lost";
  if (s.used != kBlocks - Count(s.bitmap)) return "`used` is wrong";
  return nullptr;
}

}  // namespace

void RemoteModel::Machine::Run() {
  Op op;
  do {
    op = static_cast<Op>(t_.stack[t_.depth - 1]);
    RunOp();
  } while (t_.depth > 0 && CanRun() && s_.violation == nullptr &&
           (IsLock(op) || NeedsNoStep()));
}

void RemoteModel::Machine::RunOp() {
  const Op op = static_cast<Op>(t_.stack[--t_.depth]);
  t_.stack[t_.depth] = 0;
  if (op <= kUnlockOrphans) {
    RunLock(op);
  } else if (op <= kSweep) {
    op <= kPutAsideCas ? RunOwner(op) : RunReturn(op);
  } else if (op <= kExit) {
    RunLifetime(op);
  } else {
    op <= kNotifyLook ? RunPush(op) : RunHandOver(op);
  }
  if (s_.violation == nullptr) s_.violation = Conserved(s_);
}

// CollectLocked.
bool RemoteModel::Machine::Collect() {
  const RemoteWord word = Word();
  if (word.count == 0) return false;
  unsigned tail = word.head;
  for (unsigned i = 1; i < word.count; ++i) tail = s_.link[tail - 1];
  s_.link[tail - 1] = s_.chain_head;
  s_.chain_head = static_cast<uint8_t>(word.head);
  s_.chain_count = static_cast<uint8_t>(s_.chain_count + word.count);
  s_.word = Tagged(word.Collect());
  return true;
}

void RemoteModel::Machine::RunLock(Op op) {
  switch (op) {
    case kLock:
      s_.lock[t_.target] = me_;
      break;
    case kTryLock:
      if (s_.lock[t_.target] != 0) break;
      s_.lock[t_.target] = me_;
      Begin({kDrain, kHelpCheck, kUnlock});
      break;
    case kUnlock:
      s_.lock[t_.target] = 0;
      break;
    case kLockOrphans:
      s_.orphan_lock = me_;
      break;
    default:
      s_.orphan_lock = 0;
      break;
  }
}

void RemoteModel::Machine::RunOwner(Op op) {
  switch (op) {
    case kDrain:
      if (s_.notify[t_.target] == 0) break;
      s_.notify[t_.target] = 0;
      if (!Owns()) return Violate("a notify reaches the wrong heap");
      --s_.in_flight;
      s_.pending = 0;
      if (s_.list == kFull) s_.list = kPartial;
      Begin({kReleaseIfEmpty});
      break;
    case kReleaseIfEmpty:
      if (s_.list != kPartial) break;
      if (s_.pending != 0 && fault_ != RemoteFault::kReleaseWithNotify) break;
      if (s_.used == s_.chain_count + Word().count) Release();
      break;
    case kCollectAndSettle:
      if (!Owns()) return Violate("a helper works on another's slab");
      (void)Collect();
      if (s_.list == kFull) Begin({kOpenLoad, kReleaseIfEmpty, kSettle});
      if (s_.list == kPartial) Begin({kReleaseIfEmpty, kSettle});
      break;
    case kSettle:
      if (!Owns()) break;
      s_.bitmap |= Walk(s_, s_.chain_head, s_.chain_count);
      s_.used = static_cast<uint8_t>(s_.used - s_.chain_count);
      s_.chain_head = s_.chain_count = 0;
      break;
    case kTake:
      Take();
      break;
    case kTakeCollect:
      Collect() ? Begin({kTake}) : Begin({kPutAsideLoad});
      break;
    case kPutAsideLoad:
      Load();
      if (RemoteWord::Unpack(t_.old).count > 0) return Begin({kTakeCollect});
      if (s_.pending != 0 && fault_ != RemoteFault::kFullWithNotify) {
        s_.list = kFull;
      } else {
        Begin({kPutAsideCas});
      }
      break;
    default:  // kPutAsideCas
      if (!Cas(RemoteWord::Unpack(t_.old).To(SlabState::kFull))) {
        return Begin({kTake});
      }
      s_.list = kFull;
      break;
  }
}

void RemoteModel::Machine::Take() {
  if (!Owns() || s_.list != kPartial) return;
  if (s_.chain_count > 0) {
    Hold(s_.chain_head - 1u);
    s_.chain_head = s_.link[s_.chain_head - 1];
    --s_.chain_count;
  } else if (s_.bitmap != 0) {
    Hold(Lowest(s_.bitmap));
    s_.bitmap &= static_cast<uint8_t>(s_.bitmap - 1);
    ++s_.used;
  } else {
    Begin({kTakeCollect});
  }
}

void RemoteModel::Machine::Release() {
  if (s_.in_flight != 0) Violate("released with a notify in flight");
  s_.list = kNoList;
  s_.owner = 0;
  s_.in_pool = 1;
  s_.chain_head = s_.chain_count = 0;
}

void RemoteModel::Machine::RunReturn(Op op) {
  switch (op) {
    case kFreeLocal: {
      const uint8_t bit = Bit(Lowest(t_.held));
      t_.held &= static_cast<uint8_t>(~bit);
      s_.bitmap |= bit;
      --s_.used;
      if (s_.list == kFull) {
        Begin({kOpenLoad, kFreeLook});
      } else {
        Begin({kFreeLook});
      }
      break;
    }
    case kFreeLook:
      if (s_.used == s_.chain_count + Word().count) Begin({kReleaseIfEmpty});
      break;
    case kOpenLoad:
      Load();
      if (RemoteWord::Unpack(t_.old).state == SlabState::kFull) {
        return Begin({kOpenCas});
      }
      s_.pending = 1;
      s_.list = kPartial;
      break;
    case kOpenCas:
      if (!Cas(RemoteWord::Unpack(t_.old).To(SlabState::kOpen))) {
        s_.pending = 1;
      }
      s_.list = kPartial;
      break;
    default:  // kSweep
      if (!Owns() || s_.list != kPartial) break;
      (void)Collect();
      Begin({kReleaseIfEmpty, kSettle});
      break;
  }
}

void RemoteModel::Machine::RunLifetime(Op op) {
  const RemoteWord old = RemoteWord::Unpack(t_.old);
  switch (op) {
    case kHelpCheck:
      if (Owns() || fault_ == RemoteFault::kHelpUnchecked) {
        if (s_.list == kPartial || s_.list == kFull) {
          Begin({kCollectAndSettle});
        }
      }
      break;
    case kSetIdle:
      s_.idle[t_.target] = 1;
      break;
    case kTryOrphan:
      if (Owns()) TryOrphan();
      break;
    case kTryOrphanCas:
      if (Cas(old.To(SlabState::kOpen))) Begin({kOrphan});
      break;
    case kOrphan:
      s_.pending = 0;
      (void)Collect();
      s_.list = kPartial;
      Begin({kReleaseIfEmpty, kSettle, kOrphanLoad});
      break;
    case kOrphanLoad:
      if (!Owns()) break;
      Load();
      if (RemoteWord::Unpack(t_.old).count > 0) return Begin({kOrphan});
      Begin({kLockOrphans, kOrphanOwner, kOrphanCas});
      break;
    case kOrphanOwner:
      s_.list = kOrphans;
      s_.owner = 0;
      break;
    case kOrphanCas:
      if (Cas(old.To(SlabState::kOrphan))) return Begin({kUnlockOrphans});
      s_.list = kPartial;
      Begin({kOrphanAgain, kUnlockOrphans, kOrphan});
      break;
    case kOrphanAgain:
      s_.owner = t_.target;
      break;
    case kSettleIdle:
      if (s_.idle[t_.target] != 0) Begin({kDrain, kTryOrphan});
      break;
    default:  // kExit; what it held is somebody else's from now on
      s_.threads[2].held |= t_.held;
      t_.held = 0;
      t_.budget = 0;
      break;
  }
}

void RemoteModel::Machine::TryOrphan() {
  const bool ignore = fault_ == RemoteFault::kOrphanWithNotify;
  if (s_.list == kFull) {
    Load();
    if (RemoteWord::Unpack(t_.old).state == SlabState::kFull) {
      return Begin({kTryOrphanCas});
    }
    if (ignore) Begin({kOrphan});
  } else if (s_.list == kPartial && (s_.pending == 0 || ignore)) {
    Begin({kOrphan});
  }
}

void RemoteModel::Machine::RunPush(Op op) {
  switch (op) {
    case kPushLoad:
      Load();
      t_.used = s_.used;
      break;
    case kPushOwner:
      t_.owner = s_.owner;
      break;
    case kPushUsed:
      if (fault_ != RemoteFault::kStaleUsed) t_.used = s_.used;
      break;
    case kPushCas:
      Push();
      break;
    case kLookUsed:  // with its count in t_.used
      if (t_.used >= s_.used) Begin({kTryLock});
      break;
    case kNotify:
      if (s_.notify[t_.target] != 0) Violate("a slab is notified twice");
      s_.notify[t_.target] = 1;
      if (fault_ != RemoteFault::kIdleNotSeen) Begin({kNotifyLook});
      break;
    default:  // kNotifyLook
      if (s_.idle[t_.target] != 0) Begin({kLock, kSettleIdle, kUnlock});
      break;
  }
}

void RemoteModel::Machine::Push() {
  const RemoteWord word = RemoteWord::Unpack(t_.old);
  const unsigned first = Lowest(t_.chain) + 1;
  unsigned last = first;
  for (unsigned b = first; b < kBlocks; ++b) {
    if ((t_.chain & Bit(b)) == 0) continue;
    s_.link[last - 1] = static_cast<uint8_t>(b + 1);
    last = b + 1;
  }
  s_.link[last - 1] = static_cast<uint8_t>(word.head);
  const unsigned added = Count(t_.chain);
  const RemoteWord next = word.Push(static_cast<uint16_t>(first),
                                    static_cast<uint16_t>(added), t_.used);
  if (!Cas(next)) return Begin({kPushOwner, kPushUsed, kPushCas});
  t_.held &= static_cast<uint8_t>(~t_.chain);
  t_.chain = 0;
  t_.target = t_.owner;
  if (word.TookOver(next)) {
    if (HeldByAll(s_) != 0) Violate("taken over with blocks out");
    // Nobody else's from now on: the chain stands for all blocks.
    s_.bitmap = kAllBlocks;
    s_.used = s_.chain_head = s_.chain_count = 0;
    return Begin({kLockOrphans, kReleaseOrphan, kUnlockOrphans, kPool});
  }
  if (word.OwesNotify() && fault_ != RemoteFault::kNoNotify) {
    if (++s_.in_flight > 1) Violate("two notifies in flight");
    return Begin({kNotify, kTryLock});
  }
  if (t_.owner == 0 || word.state == SlabState::kOrphan) return;
  t_.used = static_cast<uint8_t>(next.count);
  Begin({kLookUsed});
}

void RemoteModel::Machine::RunHandOver(Op op) {
  switch (op) {
    case kReleaseOrphan:
      if (s_.list == kOrphans) s_.list = kNoList;
      break;
    case kPool:
      if (s_.in_pool != 0) Violate("released twice");
      if (s_.list != kNoList) Violate("released while in a list");
      Release();
      break;
    case kAdopt:  // TakeOverLocked
      if (s_.list != kOrphans) break;
      if (Word().state != SlabState::kOrphan &&
          fault_ != RemoteFault::kAdoptBlindly) {
        break;
      }
      s_.word = Tagged(Word().To(SlabState::kOpen));
      s_.list = kPartial;
      Begin({kAdoptOwner});
      break;
    case kAdoptOwner:
      s_.owner = t_.target;
      s_.pending = 0;
      break;
    default:  // kInit
      if (s_.in_pool == 0) break;
      s_.in_pool = 0;
      s_.owner = t_.target;
      s_.word = Tagged(Word().Empty());
      s_.bitmap = kAllBlocks;
      s_.used = s_.chain_head = s_.chain_count = s_.pending = 0;
      s_.list = kPartial;
      break;
  }
}

}  // namespace hakmem::boxes
