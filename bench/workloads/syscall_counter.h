// Counts the system calls of this process from inside, without ptrace, perf or
// privileges: a seccomp filter turns each of them into SIGSYS, whose handler
// counts it and makes it in the caller's place. The filter tells the handler's
// own calls by the address that they are made from. It costs a few
// microseconds per system call and nothing elsewhere, so a run that counts is
// not a run that is timed.
#ifndef BENCH_WORKLOADS_SYSCALL_COUNTER_H_
#define BENCH_WORKLOADS_SYSCALL_COUNTER_H_

#include <stdbool.h>

// False where the kernel (or an emulator) has no seccomp. It cannot be undone.
bool StartCountingSyscalls(void);
long SyscallCount(void);
// The same value to read between two calls, without a function call.
extern volatile long g_syscall_count;
// Involuntary context switches of this thread; not counted as a system call.
long InvoluntarySwitches(void);

#endif  // BENCH_WORKLOADS_SYSCALL_COUNTER_H_
