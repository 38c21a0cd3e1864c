// Box:   superslab.   Uses: platform, base.   Must not know: what is stored.
// Holds: memory for descriptors: in guarded pages of its own, never given back.
// Locks: metadata (leaf).   Read next: alloc/superslab/metadata.cc

#ifndef HAKMEM_ALLOC_SUPERSLAB_METADATA_H_
#define HAKMEM_ALLOC_SUPERSLAB_METADATA_H_

#include <cstddef>

namespace hakmem::superslab {

// Zeroed memory, aligned to a cache line, for ever. nullptr: no memory. The
// first few KiB come from .bss, so that a small program maps nothing for it.
[[nodiscard]] void* AllocateMetadata(size_t bytes);

// Makes sure that the next so many bytes are there, before what they describe
// is mapped: afterwards there may be no memory for them. False: no memory.
[[nodiscard]] bool ReserveMetadata(size_t bytes);

// Bytes handed out so far: a gauge.
size_t MetadataBytes();

// From now on metadata comes from this range only, which reads as zero.
void RestrictMetadata(void* range, size_t bytes);

void LockMetadataForFork();
void UnlockMetadataForFork(bool child);

}  // namespace hakmem::superslab

#endif  // HAKMEM_ALLOC_SUPERSLAB_METADATA_H_
