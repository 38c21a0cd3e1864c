// Box:   tiny.   Uses: base.   Must not know: slabs, threads.
// Holds: what lies behind the bytes that were asked for, where blocks are
//        armoured: canaries, and how many they are.
// Locks: none.   Read next: alloc/tiny/armour.h
//
//   | n bytes that were asked for | canaries | code | next block's header |
//                                              2       1
//
// The code is the slack's length (n to the header) under the same key as the
// canaries. Every byte of both has its top bit set, so that a string's end, or
// text, never looks like what was there.

#ifndef HAKMEM_ALLOC_TINY_SLACK_H_
#define HAKMEM_ALLOC_TINY_SLACK_H_

#include <cstddef>
#include <cstdint>

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/base/secret.h"

namespace hakmem::tiny {

// What an armoured block needs beyond its size: the code.
inline constexpr size_t kCodeBytes = 2;

// What to ask the size classes for. No block of the smallest: 16 bytes before
// its end are not all its own.
constexpr size_t WithSlack(size_t bytes) {
  return bytes + kCodeBytes < 16 ? 16 : bytes + kCodeBytes;
}

// Most slacks are short. Of the 16 bytes that end with one of such a length,
// the bytes that are its own.
inline constexpr size_t kShortSlack = 16;
struct SlackMask {
  uint64_t low;
  uint64_t high;
};
struct SlackMasks {
  SlackMask of[kShortSlack + 1];
};
constexpr SlackMasks MakeSlackMasks() {
  SlackMasks masks{};
  for (size_t slack = 1; slack <= kShortSlack; ++slack) {
    const size_t low = slack > 8 ? slack - 8 : 0;
    masks.of[slack] = {low == 0 ? 0 : ~uint64_t{0} << (64 - low * 8),
                       ~uint64_t{0} << (64 - (slack - low) * 8)};
  }
  return masks;
}
inline constexpr SlackMasks kSlackMasks = MakeSlackMasks();

// Of most others, up to so many: 16-byte pieces without a loop, whose end the
// CPU would guess wrong. A mask for each begins at the slack's length in here.
inline constexpr size_t kWideSlack = 64;
inline constexpr size_t kWidestSlack = 127;  // its code is the length still
struct WideMasks {
  unsigned char of[256];
};
constexpr WideMasks MakeWideMasks(size_t width) {
  WideMasks masks{};
  for (size_t i = width; i < 2 * width; ++i) masks.of[i] = 0xFF;
  return masks;
}
template <size_t kWidth>
alignas(16) inline constexpr WideMasks kWideMasks = MakeWideMasks(kWidth);

class Slack {
 public:
  // Of a block whose slot (stride) is so many bytes.
  HAK_INLINE Slack(void* block, size_t slot)
      : block_(static_cast<char*>(block)),
        end_(block_ + slot - 1),
        pattern_(((AddressOf(block) ^ g_secret) * 0x9E3779B97F4A7C15u) |
                 kTopBits) {}

  // The block was asked to hold `bytes` <= slot - 1 - kCodeBytes. False: of its
  // last bytes, those of the slack were not zero.
  //
  // 16 bytes at a time, the first of which are not the slack's where it ends
  // within: so that most lengths take the same way, which the CPU then knows.
  // They may reach back to the block's own header, in step with the others.
  HAK_INLINE bool Write(size_t bytes) const {
    const size_t slack = Length(bytes);
    const Bytes16 whole = {pattern_, pattern_};
    const Bytes16 coded = {pattern_, pattern_ ^ Spread(slack) << 48};
    char* at = end_ - 16;
    const bool zero = Put(at, coded, slack < 16 ? slack : 16);
    if (HAK_LIKELY(slack <= 16)) return zero;
    size_t left = slack - 16;
    for (; left > 16; left -= 16) {
      at -= 16;
      StoreAny16(at, whole);
    }
    (void)Put(at - 16, whole, left);
    return zero;
  }

  // The same for a block that is zero but for its first 8 bytes. False: its
  // last 16 were not.
  HAK_INLINE bool WriteInZeroes(size_t bytes) const {
    const size_t slack = Length(bytes);
    if (HAK_UNLIKELY(slack > kShortSlack)) {
      if (IsWide<kWideSlack>(slack)) return WriteWide<kWideSlack>(slack);
      if (IsWide<128>(slack)) return WriteWide<128>(slack);
      return Write(bytes);
    }
    Bytes8* const low = reinterpret_cast<Bytes8*>(end_ - 16);
    Bytes8* const high = reinterpret_cast<Bytes8*>(end_ - 8);
    const bool zero = (*low | *high) == 0;
    const SlackMask& mask = kSlackMasks.of[slack];
    *low = pattern_ & mask.low;
    *high = (pattern_ ^ uint64_t{slack} << 48) & mask.high;
    return zero;
  }

  enum class State : uint8_t { kIntact, kDamaged, kLong };
  // kLong: Read has to look.
  HAK_INLINE State Look() const {
    const uint64_t last = *reinterpret_cast<const Bytes8*>(end_ - 8) ^ pattern_;
    // Of a short one the code is the length itself.
    const size_t slack = last >> 48;
    if (HAK_UNLIKELY(slack - kCodeBytes > kShortSlack - kCodeBytes)) {
      return State::kLong;
    }
    const SlackMask& mask = kSlackMasks.of[slack];
    const uint64_t low = *reinterpret_cast<const Bytes8*>(end_ - 16) ^ pattern_;
    return HAK_LIKELY(((last & mask.high) << 16 | (low & mask.low)) == 0)
               ? State::kIntact
               : State::kDamaged;
  }

  // The same of one that Look calls long, if it is not very long.
  HAK_INLINE State LookWide() const {
    const uint64_t last = *reinterpret_cast<const Bytes8*>(end_ - 8) ^ pattern_;
    const size_t slack = last >> 48;
    if (slack < kCodeBytes) return State::kLong;
    if (IsWide<kWideSlack>(slack)) return CompareWide<kWideSlack>(slack);
    if (IsWide<128>(slack)) return CompareWide<128>(slack);
    return State::kLong;
  }

  static constexpr size_t kDamaged = ~size_t{0};
  // What Write was told; kDamaged if the slack is not as it left it.
  HAK_INLINE size_t Read() const {
    const uint64_t last = *reinterpret_cast<const Bytes8*>(end_ - 8) ^ pattern_;
    const uint64_t code = last >> 48;
    const size_t slack = Gather(code);
    if (HAK_UNLIKELY((code & kCodeTop) != 0 ||
                     slack - kCodeBytes >= Length(0))) {
      return kDamaged;
    }
    const size_t bytes = Length(slack);
    const Bytes16 whole = {pattern_, pattern_};
    const Bytes16 coded = {pattern_, pattern_ ^ code << 48};
    const char* at = end_ - 16;
    Bytes16 wrong = Differ(at, coded, slack < 16 ? slack : 16);
    if (HAK_UNLIKELY(slack > 16)) {
      size_t left = slack - 16;
      for (; left > 16; left -= 16) {
        at -= 16;
        wrong |= LoadAny16(at) ^ whole;
      }
      wrong |= Differ(at - 16, whole, left);
    }
    return HAK_LIKELY((wrong[0] | wrong[1]) == 0) ? bytes : kDamaged;
  }

 private:
  static constexpr uint64_t kTopBits = 0x8080808080808080u;
  static constexpr uint64_t kCodeTop = 0x8080;

  // The last `count` <= 16 of 16 bytes. True: they were zero.
  static HAK_INLINE bool Put(char* at, Bytes16 value, size_t count) {
    const Bytes16 mask = LastOf16(count);
    const Bytes16 seen = LoadAny16(at);
    const Bytes16 inside = seen & mask;
    StoreAny16(at, (value & mask) | (seen ^ inside));
    return (inside[0] | inside[1]) == 0;
  }
  // Does the block reach back so far, and is the slack no longer?
  template <size_t kWidth>
  HAK_INLINE bool IsWide(size_t slack) const {
    constexpr size_t kMost = kWidth < kWidestSlack ? kWidth : kWidestSlack;
    return slack <= kMost && static_cast<size_t>(end_ - block_) >= kWidth;
  }
  template <size_t kWidth>
  HAK_INLINE bool WriteWide(size_t slack) const {
    const Bytes16 whole = {pattern_, pattern_};
    const Bytes16 coded = {pattern_, pattern_ ^ uint64_t{slack} << 48};
    const unsigned char* mask = kWideMasks<kWidth>.of + slack;
    char* const at = end_ - kWidth;
    Bytes16 seen = {0, 0};
#pragma GCC unroll 8
    for (size_t i = 0; i < kWidth; i += 16) {
      seen |= LoadAny16(at + i);
      StoreAny16(at + i,
                 (i + 16 < kWidth ? whole : coded) & LoadAny16(mask + i));
    }
    return (seen[0] | seen[1]) == 0;
  }
  template <size_t kWidth>
  HAK_INLINE State CompareWide(size_t slack) const {
    const Bytes16 whole = {pattern_, pattern_};
    const Bytes16 coded = {pattern_, pattern_ ^ uint64_t{slack} << 48};
    const unsigned char* mask = kWideMasks<kWidth>.of + slack;
    const char* const at = end_ - kWidth;
    Bytes16 wrong = {0, 0};
#pragma GCC unroll 8
    for (size_t i = 0; i < kWidth; i += 16) {
      wrong |= (LoadAny16(at + i) ^ (i + 16 < kWidth ? whole : coded)) &
               LoadAny16(mask + i);
    }
    return HAK_LIKELY((wrong[0] | wrong[1]) == 0) ? State::kIntact
                                                  : State::kDamaged;
  }
  static HAK_INLINE Bytes16 Differ(const char* at, Bytes16 value,
                                   size_t count) {
    return (LoadAny16(at) ^ value) & LastOf16(count);
  }

  // From bytes to slack, and back.
  HAK_INLINE size_t Length(size_t bytes) const {
    return static_cast<size_t>(end_ - block_) - bytes;
  }
  // 14 bits in two bytes, whose top bits stay clear; a length has 14.
  static HAK_INLINE uint64_t Spread(size_t slack) {
    return slack + (slack & 0x3F80);
  }
  static HAK_INLINE size_t Gather(uint64_t code) {
    return code - ((code & 0x7F00) >> 1);
  }

  char* block_;
  char* end_;  // the next block's header
  uint64_t pattern_;
};

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_SLACK_H_
