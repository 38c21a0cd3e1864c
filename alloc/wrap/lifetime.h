// Box:   wrap.   Uses: everything below.   Must not know: libc's names.
// Holds: what happens when a thread ends or the process forks.
// Locks: fork takes all of them: registry, heaps, orphans, spans, huge, pool,
//        window, metadata.   Read next: alloc/wrap/lifetime.cc

#ifndef HAKMEM_ALLOC_WRAP_LIFETIME_H_
#define HAKMEM_ALLOC_WRAP_LIFETIME_H_

namespace hakmem::wrap {

void BeforeFork();
void AfterForkInParent();
void AfterForkInChild();

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_LIFETIME_H_
