// Box:   tiny.   Uses: nothing.   Must not know: who runs it.
// Holds: the word through which blocks come back to a slab from threads that
//        do not own it, as pure functions: the model check runs this code.
// Locks: none.   Read next: alloc/tiny/remote_free.cc

#ifndef HAKMEM_ALLOC_TINY_REMOTE_WORD_H_
#define HAKMEM_ALLOC_TINY_REMOTE_WORD_H_

#include <cstdint>

namespace hakmem::tiny {

enum class SlabState : uint8_t {
  kOpen = 0,    // the owner will look here when it needs blocks
  kFull = 1,    // the owner has put it aside: who frees first must notify
  kOrphan = 2,  // no owner; who frees the last block owns it
};

// {head 16, count 16, state 2, tag 30}. head: offset of the first block of the
// chain in 16 bytes, 0 for none. Every change raises the tag, so that a CAS
// with an old word fails although the chain looks the same.
struct RemoteWord {
  uint16_t head;
  uint16_t count;
  SlabState state;
  uint32_t tag;

  static constexpr RemoteWord Unpack(uint64_t word) {
    return {static_cast<uint16_t>(word), static_cast<uint16_t>(word >> 16),
            static_cast<SlabState>((word >> 32) & 3),
            static_cast<uint32_t>(word >> 34)};
  }
  constexpr uint64_t Pack() const {
    return head | (uint64_t{count} << 16) |
           (uint64_t{static_cast<uint8_t>(state)} << 32) |
           (uint64_t{tag} << 34);
  }

  // `added` blocks, the first at `first`; the last one links to `head`. On an
  // ORPHAN with `used` blocks out, who returns the last takes the slab over.
  constexpr RemoteWord Push(uint16_t first, uint16_t added,
                            uint16_t used) const {
    if (state == SlabState::kOrphan && count + added == used) return Empty();
    return {first, static_cast<uint16_t>(count + added),
            state == SlabState::kFull ? SlabState::kOpen : state, tag + 1};
  }
  // Did the CAS from *this to `next` oblige its author to notify the owner?
  constexpr bool OwesNotify() const { return state == SlabState::kFull; }
  // Did it make its author the owner?
  constexpr bool TookOver(RemoteWord next) const {
    return state == SlabState::kOrphan && next.state != SlabState::kOrphan;
  }

  // The owner takes the chain.
  constexpr RemoteWord Collect() const { return {0, 0, state, tag + 1}; }
  constexpr RemoteWord To(SlabState next) const {
    return {head, count, next, tag + 1};
  }
  constexpr RemoteWord Empty() const {
    return {0, 0, SlabState::kOpen, tag + 1};
  }
};

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_REMOTE_WORD_H_
