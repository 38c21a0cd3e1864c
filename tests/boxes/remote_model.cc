// Box:   tests/boxes.   Uses: tiny/remote_word.h.   Must not know: real slabs.
// Holds: which operations a thread may begin, and what is wrong at the end.
// Read next: tests/boxes/model_check_test.cc

#include "tests/boxes/remote_model.h"

#include "tests/boxes/remote_machine.h"

namespace hakmem::boxes {

namespace {

const char* const kLabels[] = {"lock",
                               "try lock",
                               "unlock",
                               "lock orphans",
                               "unlock orphans",
                               "drain",
                               "release if empty",
                               "collect and settle",
                               "settle",
                               "take",
                               "take: collect",
                               "put aside: load",
                               "put aside: CAS",
                               "free local",
                               "free local: look",
                               "open: load",
                               "open: CAS",
                               "sweep",
                               "help: check",
                               "set idle",
                               "try orphan",
                               "try orphan: CAS",
                               "orphan: collect",
                               "orphan: load",
                               "orphan: owner",
                               "orphan: CAS",
                               "orphan: again",
                               "settle idle",
                               "exit",
                               "push: load",
                               "push: owner",
                               "push: used",
                               "push: CAS",
                               "push: used again",
                               "notify: push",
                               "notify: look",
                               "release orphan",
                               "to the pool",
                               "adopt",
                               "adopt: owner",
                               "acquire"};

}  // namespace

RemoteModel::State RemoteModel::First() const {
  State s = {};
  uint8_t held = 0;
  for (int i = 0; i < kThreads; ++i) {
    s.threads[i].held = config_.held[i];
    s.threads[i].budget = config_.budget[i];
    held |= config_.held[i];
  }
  s.threads[0].heap = 1;
  s.threads[3].heap = 2;
  s.bitmap = static_cast<uint8_t>(kAllBlocks & ~held);
  s.used = static_cast<uint8_t>(Count(held));
  s.owner = 1;
  s.list = config_.starts_full ? kFull : kPartial;
  RemoteWord word = RemoteWord::Unpack(0);
  if (config_.starts_full) word.state = SlabState::kFull;
  s.word = word.Pack();
  return s;
}

void RemoteModel::Successors(
    const State& state,
    std::vector<Explorer<RemoteModel>::Successor>* out) const {
  for (int i = 0; i < kThreads; ++i) {
    const Thread& t = state.threads[i];
    if (t.depth > 0) {
      State next = state;
      Machine machine(config_, &next, i);
      if (!machine.CanRun()) continue;
      const char* label = kLabels[t.stack[t.depth - 1]];
      machine.Run();
      out->push_back({next, label, i});
      continue;
    }
    if (t.budget == 0) continue;
    const auto begin = [&](const char* label, uint8_t chain,
                           std::initializer_list<Op> ops) {
      State next = state;
      Thread& mine = next.threads[i];
      --mine.budget;
      mine.chain = chain;
      mine.target = mine.heap;
      Machine machine(config_, &next, i);
      machine.Begin(ops);
      if (!machine.CanRun()) return;
      machine.Run();
      out->push_back({next, label, i});
    };
    const bool owns = t.heap != 0 && state.owner == t.heap;
    if (owns) {
      begin("TAKE", 0, {kLock, kDrain, kTake, kUnlock});
      begin("SWEEP", 0, {kLock, kDrain, kSweep, kUnlock});
      if (t.held != 0) begin("FREE", 0, {kLock, kFreeLocal, kUnlock});
    } else if (t.held != 0) {
      begin("PUSH", t.held, {kPushLoad, kPushOwner, kPushUsed, kPushCas});
      const uint8_t one = Bit(Lowest(t.held));
      if (one != t.held) {
        begin("PUSH ONE", one, {kPushLoad, kPushOwner, kPushUsed, kPushCas});
      }
    }
    if (t.heap == 0) continue;
    if (!owns && state.list == kOrphans) {
      begin("ADOPT", 0, {kLock, kLockOrphans, kAdopt, kUnlockOrphans, kUnlock});
    }
    if (state.in_pool != 0) begin("ACQUIRE", 0, {kLock, kInit, kUnlock});
    if (config_.fault == RemoteFault::kIdleTooLate) {
      begin("EXIT", 0, {kLock, kDrain, kTryOrphan, kSetIdle, kUnlock, kExit});
    } else {
      begin("EXIT", 0, {kLock, kSetIdle, kDrain, kTryOrphan, kUnlock, kExit});
    }
  }
}

// Nobody can do a step: what is wrong with that?
const char* RemoteModel::AtEnd(const State& state) const {
  State s = state;
  for (const Thread& t : s.threads) {
    if (t.depth > 0) return "a thread waits for ever";
  }
  if (s.in_pool != 0) return nullptr;
  for (int i = 0; i < kThreads; ++i) {
    const uint8_t heap = s.threads[i].heap;
    if (heap == 0 || s.owner != heap) continue;
    if (s.idle[heap] != 0) return "an idle heap keeps a slab";
    if (config_.owner_sleeps) break;
    // The owner's next slow path.
    s.threads[i].target = heap;
    Machine machine(config_, &s, i);
    machine.Begin({kDrain, kSweep});
    while (s.threads[i].depth > 0) machine.Run();
    if (s.list == kFull && RemoteWord::Unpack(s.word).count > 0) {
      return "nobody looks at blocks that came back";
    }
  }
  if (s.violation != nullptr) return s.violation;
  const bool empty = HeldByAll(s) == 0;
  return empty && s.in_pool == 0 ? "nobody releases an empty slab" : nullptr;
}

RemoteModel::State RemoteModel::Canonical(const State& state) const {
  State s = state;
  const uint32_t base = RemoteWord::Unpack(s.word).tag;
  // Only equality of tags matters, so they count from the current one.
  const auto shift = [base](uint64_t packed) {
    RemoteWord word = RemoteWord::Unpack(packed);
    word.tag = (word.tag - base) & ((1u << 30) - 1);
    return word.Pack();
  };
  s.word = shift(s.word);
  for (Thread& t : s.threads) {
    if (t.depth == 0) {
      // Registers of a thread that begins nothing with them.
      t.old = 0;
      t.owner = t.used = t.target = t.chain = 0;
    } else {
      t.old = shift(t.old);
    }
  }
  // Links of blocks that are in nobody's chain mean nothing.
  const RemoteWord word = RemoteWord::Unpack(s.word);
  const uint8_t linked =
      s.in_pool != 0
          ? uint8_t{0}
          : static_cast<uint8_t>(Walk(s, s.chain_head, s.chain_count) |
                                 Walk(s, word.head, word.count));
  for (unsigned b = 0; b < kBlocks; ++b) {
    if ((linked & Bit(b)) == 0) s.link[b] = 0;
  }
  return s;
}

Finding Check(const RemoteModel::Config& config) {
  const RemoteModel model(config);
  return Explore(model, model.First());
}

}  // namespace hakmem::boxes
