// Box:   tests/boxes.   Uses: nothing.   Must not know: what is modelled.
// Holds: a search through every state that a small model can reach.
// Read next: tests/boxes/remote_model.h
//
// The steps of a model are single accesses to shared memory in sequentially
// consistent order. So the search proves a protocol for all interleavings of
// its bounded threads, not for the reorderings of a weak memory model: those
// are argued at each access in alloc/, and tried under TSan.

#ifndef HAKMEM_TESTS_BOXES_EXPLORER_H_
#define HAKMEM_TESTS_BOXES_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace hakmem::boxes {

struct Finding {
  size_t states = 0;
  bool complete = false;  // every reachable state was seen
  std::string violation;  // empty: none
  std::string trace;      // the schedule that leads to it
};

// What Model needs:
//   State          trivially copyable, without padding that is not zeroed
//   Successors()   appends a State and a label for each step that is possible
//   AtEnd()        nullptr, or what is wrong with a state without successors
//   State::violation  nullptr, or what is wrong
//   Canonical()    the same State for states that behave alike
template <class Model>
class Explorer {
 public:
  using State = typename Model::State;
  struct Successor {
    State state;
    const char* label;
    int thread;
  };
  static_assert(std::is_trivially_copyable_v<State>);

  Explorer(const Model& model, size_t max_states)
      : model_(model), max_states_(max_states) {}

  Finding Run(const State& first) {
    Enter(first, "start", -1);
    while (!path_.empty() && finding_.violation.empty()) {
      Frame& top = path_.back();
      if (top.next == top.successors.size()) {
        path_.pop_back();
        continue;
      }
      if (seen_.size() > max_states_) return finding_;
      const Successor next = top.successors[top.next++];
      Enter(next.state, next.label, next.thread);
    }
    finding_.complete = finding_.violation.empty();
    return finding_;
  }

 private:
  struct Frame {
    std::vector<Successor> successors;
    size_t next = 0;
    const char* label = nullptr;
    int thread = 0;
  };
  // 128 bits of hash stand for a state: two that collide would hide each other
  // with a probability of 2^-80 or so.
  struct Key {
    uint64_t a, b;
    bool operator==(const Key& o) const { return a == o.a && b == o.b; }
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return key.a; }
  };

  static Key KeyOf(const State& state) {
    static_assert(sizeof(State) % 8 == 0);
    uint64_t words[sizeof(State) / 8];
    memcpy(words, &state, sizeof(State));
    Key key = {0x9E3779B97F4A7C15u, 0xC2B2AE3D27D4EB4Fu};
    for (const uint64_t word : words) {
      key.a = (key.a ^ word) * 0xFF51AFD7ED558CCDu;
      key.a ^= key.a >> 32;
      key.b = (key.b + word) * 0xC4CEB9FE1A85EC53u;
      key.b ^= key.b >> 29;
    }
    return key;
  }

  void Enter(const State& state, const char* label, int thread) {
    if (!seen_.insert(KeyOf(model_.Canonical(state))).second) return;
    ++finding_.states;
    path_.emplace_back();
    path_.back().label = label;
    path_.back().thread = thread;
    const char* wrong = state.violation;
    if (wrong == nullptr) {
      model_.Successors(state, &path_.back().successors);
      if (path_.back().successors.empty()) wrong = model_.AtEnd(state);
    }
    if (wrong == nullptr) return;
    finding_.violation = wrong;
    for (const Frame& frame : path_) {
      finding_.trace += "T" + std::to_string(frame.thread) + " ";
      finding_.trace += frame.label;
      finding_.trace += "\n";
    }
  }

  const Model& model_;
  size_t max_states_;
  Finding finding_;
  std::unordered_set<Key, KeyHash> seen_;
  std::vector<Frame> path_;
};

template <class Model>
Finding Explore(const Model& model, const typename Model::State& first,
                size_t max_states = size_t{20} << 20) {
  return Explorer<Model>(model, max_states).Run(first);
}

}  // namespace hakmem::boxes

#endif  // HAKMEM_TESTS_BOXES_EXPLORER_H_
