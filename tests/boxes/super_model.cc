// Box:   tests/boxes.   Uses: superslab/super_word.h.   Must not know: pages.
// Holds: the steps. Each names the function of slab_pool.cc that it follows.
// Read next: tests/boxes/model_check_test.cc

#include "tests/boxes/super_model.h"

namespace hakmem::boxes {

using superslab::SuperWord;

enum SuperModel::Op : uint8_t {
  kLookAtBit,  // TakeFromPool
  kSearch,     // TakeFromSuper: load
  kSearchCas,  //   CAS
  kClearBit,   // TakeFromPool
  kSearchAgain,
  kSearchAgainCas,
  kPeekEarly,
  kPut,  // PutBack
  kPutLoad,
  kPutStore,
  kSetAvailable,
  kPurgeLoad,  // PurgeSlabs
  kPurgeCas,
  kDecommit,
  kPutPurged,
  kRetireLoad,  // Retire
  kRetireCas,
  kUnmap,
};

namespace {

const char* const kLabels[] = {
    "look at bit",     "search",        "search: CAS",
    "clear bit",       "search again",  "search again: CAS",
    "peek early",      "put back",      "put back: load",
    "put back: store", "set available", "purge: load",
    "purge: CAS",      "decommit",      "put back purged",
    "retire: load",    "retire: CAS",   "unmap"};

// A slab is in one pair of hands, or in the pool of a mapped SuperSlab.
const char* Conserved(const SuperModel::State& s) {
  for (int i = 0; i < SuperModel::kSupers; ++i) {
    const SuperWord word = SuperWord::Unpack(s.word[i]);
    unsigned seen = word.free;
    for (const auto& thread : s.threads) {
      const unsigned purging = thread.super == i ? thread.purging : 0u;
      if ((seen & thread.held[i]) != 0) return "a slab is owned twice";
      seen |= thread.held[i];
      if ((seen & purging) != 0) return "a slab is purged while owned";
      seen |= purging;
    }
    if (s.mapped[i] == 0) {
      if (seen != 0) return "a slab of an unmapped SuperSlab";
    } else if (seen != 0xFFFF) {
      return "a slab is lost";
    }
    if ((word.clean & ~word.free) != 0) return "clean, but not in the pool";
    if ((word.clean & s.dirty[i]) != 0) return "a dirty slab is called clean";
  }
  return nullptr;
}

}  // namespace

class SuperModel::Machine {
 public:
  Machine(const Config& config, State* state, int thread)
      : fault_(config.fault), s_(*state), t_(state->threads[thread]) {}

  // The operations run in the order in which they are given.
  void Begin(std::initializer_list<Op> ops) {
    for (const Op* op = ops.end(); op != ops.begin();) {
      t_.stack[t_.depth++] = *--op;
    }
  }

  void Run() {
    const Op op = static_cast<Op>(t_.stack[--t_.depth]);
    t_.stack[t_.depth] = 0;
    if (op <= kSearchAgainCas) {
      RunAcquire(op);
    } else if (op <= kSetAvailable) {
      RunRelease(op);
    } else {
      op <= kPutPurged ? RunPurge(op) : RunRetire(op);
    }
    if (s_.violation == nullptr) s_.violation = Conserved(s_);
  }

 private:
  SuperWord Old() const { return SuperWord::Unpack(t_.old); }
  uint64_t Tagged(SuperWord word) const {
    if (fault_ == SuperFault::kNoTag) word.tag = 0;
    return word.Pack();
  }
  bool Cas(SuperWord next) {
    if (s_.word[t_.super] != t_.old) return false;
    s_.word[t_.super] = Tagged(next);
    return true;
  }
  void Put(uint16_t mask, uint16_t clean) {
    const SuperWord word = SuperWord::Unpack(s_.word[t_.super]);
    s_.word[t_.super] = Tagged(word.Put(mask, clean));
  }

  // Takes the lowest slab out of the thread's hands.
  uint16_t Lay() {
    const uint16_t all = t_.held[t_.super];
    const uint16_t mask = static_cast<uint16_t>(all & (0u - all));
    t_.held[t_.super] = static_cast<uint16_t>(all & ~mask);
    return mask;
  }

  // TakeFromSuper on one SuperSlab after the other: `load` or `cas`.
  void Search(Op load, Op cas, bool is_cas, std::initializer_list<Op> found,
              std::initializer_list<Op> none) {
    if (!is_cas) {
      t_.old = s_.word[t_.super];
      if (Old().free != 0) return Begin({cas});
      if (t_.super + 1 == kSupers) return Begin(none);
      ++t_.super;
      return Begin({load});
    }
    const uint16_t mask = Old().Lowest();
    if (!Cas(Old().Take(mask))) return Begin({load});
    t_.held[t_.super] |= mask;
    s_.dirty[t_.super] |= mask;  // it is written to at once
    Begin(found);
  }

  void RunAcquire(Op op) {
    t_.super = op == kLookAtBit || op == kClearBit ? uint8_t{0} : t_.super;
    switch (op) {
      case kLookAtBit:
        if (s_.available != 0) Begin({kSearch});
        break;
      case kSearch:
      case kSearchCas:
        Search(kSearch, kSearchCas, op == kSearchCas, {}, {kClearBit});
        break;
      case kClearBit:
        s_.available = 0;
        if (fault_ != SuperFault::kNoSecondLook) Begin({kSearchAgain});
        break;
      default:
        Search(kSearchAgain, kSearchAgainCas, op == kSearchAgainCas,
               {kSetAvailable}, {});
        break;
    }
  }

  void RunRelease(Op op) {
    switch (op) {
      case kPeekEarly:
        t_.peek = s_.available;
        break;
      case kPut:
        if (fault_ == SuperFault::kPutByStore) {
          Begin({kPutLoad, kPutStore});
        } else {
          Put(Lay(), 0);
        }
        break;
      case kPutLoad:
        t_.old = s_.word[t_.super];
        break;
      case kPutStore:
        s_.word[t_.super] = Tagged(Old().Put(Lay(), 0));
        break;
      default:  // kSetAvailable
        if (fault_ == SuperFault::kNoBit) break;
        if (fault_ == SuperFault::kPeekBeforePut && t_.peek != 0) break;
        s_.available = 1;
        break;
    }
  }

  void RunPurge(Op op) {
    switch (op) {
      case kPurgeLoad:
        t_.old = s_.word[t_.super];
        if (Old().dirty() == 0) break;
        if (fault_ == SuperFault::kPurgeInPlace) {
          t_.purging = Old().dirty();
          s_.word[t_.super] = Tagged(Old().Put(0, t_.purging));
          Begin({kDecommit});
        } else {
          Begin({kPurgeCas});
        }
        break;
      case kPurgeCas:
        if (!Cas(Old().Take(Old().dirty()))) break;
        t_.purging = Old().dirty();
        Begin({kDecommit});
        break;
      case kDecommit:
        s_.dirty[t_.super] &= static_cast<uint16_t>(~t_.purging);
        Begin({kPutPurged, kSetAvailable});
        break;
      default: {
        const uint16_t mask = t_.purging;
        t_.purging = 0;
        const bool more = fault_ == SuperFault::kCleanUnseen;
        Put(mask,
            more ? SuperWord::Unpack(s_.word[t_.super]).free | mask : mask);
        break;
      }
    }
  }

  void RunRetire(Op op) {
    switch (op) {
      case kRetireLoad:
        t_.old = s_.word[t_.super];
        if (Old().all_free() || fault_ == SuperFault::kRetireBusy) {
          Begin({kRetireCas});
        }
        break;
      case kRetireCas:
        if (!Cas(Old().Take(0xFFFF))) break;
        t_.purging = 0xFFFF;
        Begin({kUnmap});
        break;
      default:
        s_.mapped[t_.super] = 0;
        s_.dirty[t_.super] = 0;
        t_.purging = 0;
        break;
    }
  }

  SuperFault fault_;
  State& s_;
  Thread& t_;
};

SuperModel::State SuperModel::First() const {
  State s = {};
  unsigned out = 0;
  for (int i = 0; i < kThreads; ++i) {
    s.threads[i].budget = config_.budget[i];
    s.threads[i].held[0] = config_.held[i];
    out |= config_.held[i];
  }
  for (int i = 0; i < kSupers; ++i) {
    s.word[i] = SuperWord{config_.free[i], config_.free[i], 0}.Pack();
    s.mapped[i] = 1;
    // What nobody mentions belongs to a thread that does nothing.
    const unsigned rest = 0xFFFFu & ~(config_.free[i] | (i == 0 ? out : 0u));
    s.threads[0].held[i] |= static_cast<uint16_t>(rest);
    s.dirty[i] = static_cast<uint16_t>(~config_.free[i]);
  }
  s.available = 1;
  return s;
}

void SuperModel::Successors(
    const State& state,
    std::vector<Explorer<SuperModel>::Successor>* out) const {
  for (int i = 0; i < kThreads; ++i) {
    const Thread& t = state.threads[i];
    const auto run = [&](const char* label, int super, unsigned cost,
                         std::initializer_list<Op> ops) {
      State next = state;
      Thread& mine = next.threads[i];
      if (super >= 0) mine.super = static_cast<uint8_t>(super);
      mine.budget = static_cast<uint8_t>(mine.budget - cost);
      Machine machine(config_, &next, i);
      machine.Begin(ops);
      machine.Run();
      out->push_back({next, label, i});
    };
    if (t.depth > 0) {
      run(kLabels[t.stack[t.depth - 1]], -1, 0, {});
      continue;
    }
    if (t.budget == 0) continue;
    run("ACQUIRE", 0, 1, {kLookAtBit});
    for (int super = 0; super < kSupers; ++super) {
      if (state.mapped[super] == 0) continue;
      if (t.held[super] != 0) {
        if (config_.fault == SuperFault::kPeekBeforePut) {
          run("RELEASE", super, 1, {kPeekEarly, kPut, kSetAvailable});
        } else {
          run("RELEASE", super, 1, {kPut, kSetAvailable});
        }
      }
      run("PURGE", super, 1, {kPurgeLoad});
      run("RETIRE", super, 1, {kRetireLoad});
    }
  }
}

const char* SuperModel::AtEnd(const State& state) const {
  for (int i = 0; i < kSupers; ++i) {
    if (SuperWord::Unpack(state.word[i]).free != 0 && state.available == 0) {
      return "a free slab that no search finds";
    }
  }
  return nullptr;
}

SuperModel::State SuperModel::Canonical(const State& state) const {
  State s = state;
  for (Thread& t : s.threads) {
    if (t.depth == 0) {
      t.old = 0;
      t.super = t.peek = t.clean = 0;
      continue;
    }
    // Only equality of tags matters, so they count from the current one.
    SuperWord old = SuperWord::Unpack(t.old);
    old.tag -= SuperWord::Unpack(s.word[t.super]).tag;
    t.old = old.Pack();
  }
  for (uint64_t& packed : s.word) {
    SuperWord word = SuperWord::Unpack(packed);
    word.tag = 0;
    packed = word.Pack();
  }
  return s;
}

Finding Check(const SuperModel::Config& config) {
  const SuperModel model(config);
  return Explore(model, model.First());
}

}  // namespace hakmem::boxes
