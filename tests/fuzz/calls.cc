// Box:   tests/fuzz.   Uses: wrap.
// Holds: the fuzz target: an input is a sequence of calls of the allocator,
//        and every block is compared with what was written to it.
// Read next: tests/fuzz/fuzz.sh
//
// The boxes are called by their C++ names, so that the fuzzer and its runtime
// keep a heap of their own.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/large/large.h"
#include "alloc/tiny/small.h"
#include "alloc/wrap/memory.h"
#include "platform/libc_kind.h"

namespace hakmem {

namespace {

constexpr unsigned kBlocks = 64;
constexpr size_t kMostLive = size_t{96} << 20;

struct Block {
  unsigned char* p;
  size_t size;
  unsigned char seed;
};
Block g_blocks[kBlocks];
size_t g_live;

void Require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "fuzz: %s\n", what);
  abort();
}

// Both ends of a block, and what lies between at a distance.
template <class Visit>
void ForSome(size_t size, Visit visit) {
  for (size_t i = 0; i < size; i += i < 64 ? 1 : 509) visit(i);
  for (size_t i = size > 16 ? size - 16 : 0; i < size; ++i) visit(i);
}
unsigned char ByteAt(const Block& block, size_t i) {
  return static_cast<unsigned char>(block.seed + i * 7 + (i >> 8));
}

void Fill(Block& block, unsigned char seed) {
  block.seed = seed;
  ForSome(block.size, [&](size_t i) { block.p[i] = ByteAt(block, i); });
}
void Compare(const Block& block, size_t upto) {
  ForSome(block.size, [&](size_t i) {
    if (i < upto) Require(block.p[i] == ByteAt(block, i), "a byte changed");
  });
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}
  bool empty() const { return at_ == end_; }
  unsigned Byte() { return at_ == end_ ? 0 : *at_++; }
  // Mostly small, in all orders of magnitude up to 64 MiB.
  size_t Size() {
    const unsigned shift = Byte() % 27;
    const size_t low = Byte() | Byte() << 8;
    return shift < 16 ? low >> (15 - shift) : low << (shift - 15);
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

void Take(Block& block, void* p, size_t size, size_t alignment, unsigned seed) {
  if (p == nullptr) {
    Require(errno == ENOMEM, "NULL without ENOMEM");
    return;
  }
  Require(reinterpret_cast<uintptr_t>(p) % alignment == 0, "not aligned");
  Require(wrap::UsableSize(p) >= size, "usable size is too small");
  block.p = static_cast<unsigned char*>(p);
  block.size = size;
  g_live += size;
  Fill(block, static_cast<unsigned char>(seed));
}

void Give(Block& block, bool sized) {
  if (block.p == nullptr) return;
  Compare(block, block.size);
  errno = 4711;
  if (sized) {
    wrap::FreeSized(block.p, block.size);
  } else {
    wrap::Free(block.p);
  }
  Require(errno == 4711, "free changed errno");
  g_live -= block.size;
  block.p = nullptr;
}

void Reallocate(Block& block, size_t size, unsigned seed) {
  if (size == 0 && platform::kGlibc) size = 1;
  Compare(block, block.size);
  unsigned char* p = static_cast<unsigned char*>(wrap::Realloc(block.p, size));
  if (p == nullptr) return Require(errno == ENOMEM, "NULL without ENOMEM");
  const size_t before = block.size;
  block.p = p;
  Compare(block, before < size ? before : size);
  g_live += size - before;
  block.size = size;
  Require(wrap::UsableSize(p) >= size, "usable size is too small");
  Fill(block, static_cast<unsigned char>(seed));
}

void Allocate(Block& block, unsigned call, Input& input) {
  const size_t size = input.Size();
  const unsigned seed = input.Byte();
  if (g_live + size > kMostLive) return;
  if (call % 4 == 0) {
    unsigned char* p = static_cast<unsigned char*>(wrap::Calloc(1, size));
    if (p != nullptr) {
      ForSome(size, [&](size_t i) { Require(p[i] == 0, "not zero"); });
    }
    Take(block, p, size, 16, seed);
  } else if (call % 4 == 1) {
    const size_t alignment = size_t{1} << (input.Byte() % 20);
    Take(block, wrap::AlignedAlloc(alignment, size), size, alignment, seed);
  } else {
    Take(block, wrap::Malloc(size), size, size < 16 ? 1 : 16, seed);
  }
}

void Step(Input& input) {
  const unsigned call = input.Byte();
  Block& block = g_blocks[input.Byte() % kBlocks];
  if (block.p == nullptr) return Allocate(block, call, input);
  if (call % 8 == 0) {
    const size_t size = input.Size();
    if (g_live + size <= kMostLive) Reallocate(block, size, call);
  } else if (call == 255) {
    tiny::TrimAllHeaps();
    large::FlushThread();
  } else if (call == 254) {
    Require(wrap::Malloc(SIZE_MAX - block.size) == nullptr, "too much");
  } else {
    Give(block, call % 2 != 0);
  }
}

}  // namespace
}  // namespace hakmem

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hakmem::Input input(data, size);
  while (!input.empty()) hakmem::Step(input);
  // Nothing stays from input to input but what the heap keeps.
  for (hakmem::Block& block : hakmem::g_blocks) hakmem::Give(block, true);
  return 0;
}
