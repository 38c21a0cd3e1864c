// Box:   large.   Uses: superslab, base, platform.   Must not know: tiny, wrap.
// Holds: the registry of Huge blocks: an open-addressed table by address.
// Locks: huge; not held across a system call.   Read next: alloc/large/large.cc

#include "alloc/large/huge.h"

#include "alloc/base/bytes.h"
#include "alloc/base/pointers.h"
#include "alloc/base/secret.h"
#include "alloc/large/armour.h"
#include "alloc/large/lone.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/window.h"
#include "platform/page_source.h"

namespace hakmem::large {
namespace {

using Entry = HugeEntry;
constexpr uintptr_t kGone = HugeEntry::kGone;
constexpr size_t kFirstSlots = 64;

struct State {
  Lock lock{"huge"};
  Entry* slots = nullptr;
  size_t capacity = 0;
  size_t filled = 0;  // used or gone
  size_t blocks = 0;
  size_t bytes = 0;
  // relaxed peek: frees of foreign pointers need no lock while there is none.
  std::atomic<size_t> live{0};
  std::atomic<size_t> cursor{0};  // of ApartHint
  Entry first[kFirstSlots] = {};
};
// Under a name for hakmem.py, which reads the first members.
HAK_CONSTINIT State g_state __asm__("hakmem_huge");

size_t HashOf(uintptr_t address) {
  return (address >> 12) * 0x9E3779B97F4A7C15u >> 20;
}

// Of a live block, or of one that is gone.
HAK_NOINLINE Entry* LookupLocked(uintptr_t address) {
  if (g_state.capacity == 0) return nullptr;
  const size_t mask = g_state.capacity - 1;
  for (size_t i = HashOf(address);; ++i) {
    Entry& entry = g_state.slots[i & mask];
    if (entry.address == address) return &entry;
    if (entry.address == kGone && entry.bytes == address) return &entry;
    if (entry.address == 0) return nullptr;
  }
}

void PutLocked(Entry* slots, size_t capacity, Entry entry) {
  size_t i = HashOf(entry.address);
  while (slots[i & (capacity - 1)].address > kGone) ++i;
  slots[i & (capacity - 1)] = entry;
}

void InsertLocked(Entry entry) {
  PutLocked(g_state.slots, g_state.capacity, entry);
  ++g_state.filled;
  ++g_state.blocks;
  g_state.bytes += entry.size();
  // relaxed: see `live`.
  g_state.live.fetch_add(1, std::memory_order_relaxed);
}

void RemoveLocked(Entry* entry) {
  --g_state.blocks;
  g_state.bytes -= entry->size();
  entry->bytes = entry->address;
  entry->address = kGone;
  // relaxed: see `live`.
  g_state.live.fetch_sub(1, std::memory_order_relaxed);
}

bool HasRoomLocked() { return (g_state.filled + 1) * 2 <= g_state.capacity; }

// Makes sure that one more entry fits. False: no memory.
bool ReserveSlot() {
  size_t capacity;
  {
    LockHolder hold(g_state.lock);
    if (g_state.capacity == 0) {
      g_state.slots = g_state.first;
      g_state.capacity = kFirstSlots;
    }
    if (HasRoomLocked()) return true;
    // Twice the blocks there are, so that entries that are gone drop out.
    capacity = kFirstSlots;
    while (capacity < (g_state.blocks + 1) * 4) capacity *= 2;
  }
  const size_t size = AlignUp(capacity * sizeof(Entry), platform::PageSize());
  Entry* fresh = static_cast<Entry*>(platform::Map(nullptr, size));
  if (fresh == nullptr) return false;
  Entry* old = fresh;
  size_t old_size = size;
  {
    LockHolder hold(g_state.lock);
    if (!HasRoomLocked() && (g_state.blocks + 1) * 2 <= capacity) {
      for (size_t i = 0; i < g_state.capacity; ++i) {
        if (g_state.slots[i].address > kGone) {
          PutLocked(fresh, capacity, g_state.slots[i]);
        }
      }
      old = g_state.slots == g_state.first ? nullptr : g_state.slots;
      old_size =
          AlignUp(g_state.capacity * sizeof(Entry), platform::PageSize());
      g_state.slots = fresh;
      g_state.capacity = capacity;
      g_state.filled = g_state.blocks;
    }
  }
  if (old != nullptr) (void)platform::Unmap(old, old_size);
  return true;
}

// A place with room behind it, above the window: nullptr lets the kernel choose
// (an address space of 39 bits has no such place).
void* ApartHint(size_t bytes) {
  constexpr size_t kZone = size_t{1} << 40;
  const uintptr_t start = superslab::WindowBase() + superslab::kWindowBytes;
  if (start < (size_t{1} << 42) || start >> 47 != 0 || bytes > kZone / 64) {
    return nullptr;
  }
  const size_t span = AlignUp(bytes, superslab::kSuperBytes) * 4;
  // relaxed: a cursor; two blocks at one hint end up apart all the same.
  const size_t at = g_state.cursor.fetch_add(span, std::memory_order_relaxed);
  return At<void>(start + at % kZone);
}

// `bytes` at a multiple of `alignment`; what was mapped too much is unmapped.
void* MapAligned(size_t bytes, size_t alignment) {
  const size_t page = platform::PageSize();
  if (alignment <= page) return platform::Map(ApartHint(bytes), bytes);
  const size_t extra = alignment - page;
  if (bytes + extra < bytes) return nullptr;
  void* whole = platform::Map(nullptr, bytes + extra);
  if (whole == nullptr) return nullptr;
  const uintptr_t start = AddressOf(static_cast<char*>(whole));
  const uintptr_t aligned = AlignUp(start, alignment);
  const uintptr_t end = start + bytes + extra;
  if (aligned > start) (void)platform::Unmap(whole, aligned - start);
  if (end > aligned + bytes) {
    (void)platform::Unmap(At<void>(aligned + bytes), end - aligned - bytes);
  }
  return At<void>(aligned);
}

// A page without access on both sides of every block, or of lone ones. An entry
// says what was asked for there, and whole pages elsewhere.
size_t GuardBytes(bool lone) {
  return kVariant.guards || lone ? platform::PageSize() : 0;
}
HAK_NOINLINE size_t WholePages(size_t bytes) {
  return AlignUp(bytes + (bytes == 0 ? 1 : 0), platform::PageSize());
}

// Unmaps the block's pages; if the kernel lacks mappings they go at least.
void UnmapBlock(void* block, size_t bytes, bool lone) {
  const size_t guard = GuardBytes(lone);
  const size_t pages = WholePages(bytes);
  // A lone block ends where its pages end.
  char* const first = static_cast<char*>(block) - (lone ? pages - bytes : 0);
  superslab::Uncharge(pages);
  if (!platform::Unmap(first - guard, pages + 2 * guard)) {
    (void)platform::Decommit(first, pages);
  }
}

// Nobody but the kernel, which left zeros, has written in front of a lone
// block.
void CheckFront(void* block, size_t bytes) {
  const char* const start = static_cast<char*>(block);
  for (const char* at = start + bytes - WholePages(bytes); at < start;
       at += sizeof(Bytes8)) {
    if (*reinterpret_cast<const Bytes8*>(at) == 0) continue;
    platform::Line line;
    line.Text("hakmem: underflow of ").Pointer(block);
    line.Text(" (Huge): written before its first byte");
    platform::Die(line);
  }
}

// One of no bytes is the guard behind its page.
void* MapLone(size_t pages, size_t bytes) {
  void* first = platform::MapGuarded(pages, ApartHint(pages));
  return first == nullptr ? nullptr : static_cast<char*>(first) + pages - bytes;
}

void* MapBlock(size_t pages, size_t alignment) {
  const size_t guard = GuardBytes(false);
  if (guard == 0) return MapAligned(pages, alignment);
  if (pages + 2 * alignment < pages) return nullptr;
  const bool apart = alignment <= guard;
  // The guard in front takes a whole alignment, of which a page is kept.
  char* whole = static_cast<char*>(
      MapAligned(pages + (apart ? 0 : alignment) + 2 * guard, alignment));
  if (whole == nullptr) return nullptr;
  char* block = whole + guard;
  if (!apart) {
    block = whole + alignment;
    (void)platform::Unmap(whole, alignment - guard);
    (void)platform::Unmap(block + pages + guard, guard);
  }
  // Without mappings to split it has no guards.
  (void)platform::Forbid(block - guard, guard);
  (void)platform::Forbid(block + pages, guard);
  return block;
}

}  // namespace

void* AllocateHuge(size_t bytes, size_t alignment, bool lone) {
  if (!superslab::EnsureWindow() || superslab::WindowIsFixed()) return nullptr;
  // relaxed: a bound on a number.
  if (lone && g_state.live.load(std::memory_order_relaxed) >= kMostBesideLone) {
    return nullptr;
  }
  if (lone) bytes = AlignUp(bytes, kLoneUnit);
  const size_t pages = WholePages(bytes);
  if (!kVariant.armour && !lone) bytes = pages;
  for (;;) {
    if (!ReserveSlot()) return nullptr;
    if (!superslab::Charge(pages)) return nullptr;
    void* block = kVariant.lone_blocks && lone ? MapLone(pages, bytes)
                                               : MapBlock(pages, alignment);
    if (block == nullptr) {
      superslab::Uncharge(pages);
      return nullptr;
    }
    if constexpr (kVariant.armour) {
      (void)DrawSecret();
      WriteCanaries(static_cast<char*>(block) + bytes, pages - bytes);
    }
    {
      LockHolder hold(g_state.lock);
      if (HasRoomLocked()) {
        InsertLocked({AddressOf(static_cast<char*>(block)),
                      bytes | (lone ? Entry::kLone : 0)});
        return block;
      }
    }
    UnmapBlock(block, bytes, lone);  // others took the slots; again
  }
}

size_t FindHuge(const void* pointer) {
  // relaxed peek: the block was inserted before its pointer was handed out.
  // What is to be routed elsewhere is not asked whether it was one.
  if (kVariant.domain_route &&
      g_state.live.load(std::memory_order_relaxed) == 0) {
    return kNoHuge;
  }
  const uintptr_t address = AddressOf(static_cast<const char*>(pointer));
  if (address <= kGone) return kNoHuge;
  LockHolder hold(g_state.lock);
  const Entry* entry = LookupLocked(address);
  if (entry == nullptr || (kVariant.domain_route && entry->address == kGone)) {
    return kNoHuge;
  }
  return entry->size();
}

bool FreeHuge(void* pointer) {
  size_t bytes;
  bool lone;
  {
    LockHolder hold(g_state.lock);
    Entry* entry = LookupLocked(AddressOf(static_cast<char*>(pointer)));
    if (entry == nullptr || entry->address == kGone) return false;
    bytes = entry->size();
    lone = bytes != entry->bytes;
    RemoveLocked(entry);
  }
  if constexpr (kVariant.armour) {
    if (!CanariesIntact(static_cast<char*>(pointer) + bytes,
                        WholePages(bytes) - bytes)) {
      ReportOverflow(pointer, "Huge");
    }
  }
  if (kVariant.lone_blocks && lone) CheckFront(pointer, bytes);
  UnmapBlock(pointer, bytes, lone);
  return true;
}

bool ResizeHuge(void* pointer, size_t bytes) {
  // A guard lies behind it.
  if constexpr (kVariant.guards) return false;
  bytes = AlignUp(bytes, platform::PageSize());
  const uintptr_t address = AddressOf(static_cast<char*>(pointer));
  const size_t old_bytes = FindHuge(pointer);
  // The address: freed meanwhile, a misuse.
  if (old_bytes == kNoHuge || old_bytes == address) return false;
  if (bytes > old_bytes) {
    const size_t more = bytes - old_bytes;
    if (!superslab::Charge(more)) return false;
    if (!superslab::MapAt(address + old_bytes, more)) {
      superslab::Uncharge(more);
      return false;
    }
  } else if (bytes < old_bytes) {
    if (!platform::Unmap(At<void>(address + bytes), old_bytes - bytes)) {
      return false;
    }
    superslab::Uncharge(old_bytes - bytes);
  }
  LockHolder hold(g_state.lock);
  Entry* entry = LookupLocked(address);
  // freed meanwhile: a misuse
  if (entry == nullptr || entry->address == kGone) return false;
  g_state.bytes += bytes - old_bytes;
  entry->bytes = bytes;
  return true;
}

HugeTable TableOfHuge() {
  return {g_state.lock, g_state.slots, g_state.capacity, g_state.live};
}

HugeCounts ReadHugeCounts() {
  LockHolder hold(g_state.lock);
  return {g_state.blocks, g_state.bytes};
}

void LockHugeForFork() { g_state.lock.Acquire(); }

void UnlockHugeAfterFork(bool child) {
  if (child) {
    g_state.lock.ReleaseInChild();
  } else {
    g_state.lock.Release();
  }
}

}  // namespace hakmem::large
