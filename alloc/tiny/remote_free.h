// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: freeing blocks of slabs that the caller does not own.
// Locks: none held by the caller; may take the owner heap's.
// Read next: alloc/tiny/remote_free.cc

#ifndef HAKMEM_ALLOC_TINY_REMOTE_FREE_H_
#define HAKMEM_ALLOC_TINY_REMOTE_FREE_H_

#include "alloc/tiny/heap.h"

namespace hakmem::tiny {

// Gives the chain's blocks, all of this slab and with free headers, back to
// whoever owns it. `mine` may adopt the slab if it is an orphan; nullptr: none.
HAK_COLD void RemoteFree(SlabDescriptor* slab, const Chain& chain, Heap* mine);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_REMOTE_FREE_H_
