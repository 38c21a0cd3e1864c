// Box:   base.   Uses: nothing.   Must not know: the boxes above.
// Holds: arithmetic on addresses and bits.
// Locks: none.   Read next: alloc/superslab/geometry.h

#ifndef HAKMEM_ALLOC_BASE_POINTERS_H_
#define HAKMEM_ALLOC_BASE_POINTERS_H_

#include <cstddef>
#include <cstdint>

namespace hakmem {

constexpr uintptr_t AlignDown(uintptr_t value, size_t alignment) {
  return value & ~(alignment - 1);
}
constexpr uintptr_t AlignUp(uintptr_t value, size_t alignment) {
  return AlignDown(value + alignment - 1, alignment);
}
template <class T>
T* At(uintptr_t address) {
  return reinterpret_cast<T*>(address);
}
template <class T>
uintptr_t AddressOf(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// Without a library function, which GCC calls where the CPU may lack popcnt.
constexpr unsigned PopCount16(unsigned bits) {
  bits = (bits & 0x5555u) + ((bits >> 1) & 0x5555u);
  bits = (bits & 0x3333u) + ((bits >> 2) & 0x3333u);
  bits = (bits + (bits >> 4)) & 0x0F0Fu;
  return (bits + (bits >> 8)) & 31u;
}

constexpr unsigned PopCount64(uint64_t bits) {
  bits -= (bits >> 1) & 0x5555555555555555u;
  bits = (bits & 0x3333333333333333u) + ((bits >> 2) & 0x3333333333333333u);
  bits = (bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
  return static_cast<unsigned>((bits * 0x0101010101010101u) >> 56);
}

}  // namespace hakmem

#endif  // HAKMEM_ALLOC_BASE_POINTERS_H_
