// Box:   platform.   Uses: libc.   Must not know: heaps.
// Holds: how libc tells us that a thread ends.
// Locks: none.   Read next: platform/thread_hooks_glibc.cc

#ifndef HAKMEM_PLATFORM_THREAD_HOOKS_H_
#define HAKMEM_PLATFORM_THREAD_HOOKS_H_

namespace hakmem::platform {

// Makes sure that OnThreadExit() runs when the calling thread ends. False: it
// cannot be had (no pthread key left), so the thread must keep nothing back.
// Never allocates. Call once per thread; cheap if repeated.
[[nodiscard]] bool HookThreadExit();

// Around fork: no other thread is in the middle of HookThreadExit(), which the
// child would inherit with libc's locks held. First lock, last unlock.
void LockHookForFork();
void UnlockHookAfterFork();

// Defined by the box that caches per thread (alloc/tiny). Runs on the ending
// thread, after most or all of its other destructors; malloc and free may
// still be called afterwards.
void OnThreadExit();

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_THREAD_HOOKS_H_
