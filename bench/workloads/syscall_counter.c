// See syscall_counter.h. The kernel's own headers are not on musl's include
// path, so the few constants of the filter stand here.
#define _GNU_SOURCE
#include "syscall_counter.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

#ifndef PR_SET_NO_NEW_PRIVS
#define PR_SET_NO_NEW_PRIVS 38
#endif

enum {
  kSeccompModeFilter = 2,
  kLoadWord = 0x20,     // BPF_LD | BPF_W | BPF_ABS
  kJumpIfEqual = 0x15,  // BPF_JMP | BPF_JEQ | BPF_K
  kReturn = 0x06,       // BPF_RET | BPF_K
};
static const uint32_t kTrap = 0x00030000;
static const uint32_t kAllow = 0x7fff0000;

struct FilterLine {
  uint16_t code;
  uint8_t if_true;
  uint8_t if_false;
  uint32_t value;
};

struct FilterProgram {
  uint16_t length;
  const struct FilterLine* lines;
};

// Where seccomp_data keeps the number and the two halves of the address that
// follows the system call instruction.
enum { kAtNumber = 0, kAtAddressLow = 8, kAtAddressHigh = 12 };

volatile long g_syscall_count;

long BenchRawSyscall(long number, long a, long b, long c, long d, long e,
                     long f);
extern const char BenchRawSyscallReturn[];

#if defined(__x86_64__)
__asm__(
    ".text\n.globl BenchRawSyscall\n.type BenchRawSyscall,@function\n"
    "BenchRawSyscall:\n"
    "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n"
    "  mov %rcx, %rdx\n  mov %r8, %r10\n  mov %r9, %r8\n"
    "  mov 8(%rsp), %r9\n  syscall\n"
    ".globl BenchRawSyscallReturn\nBenchRawSyscallReturn:\n  ret\n"
    ".size BenchRawSyscall, .-BenchRawSyscall\n");

static void Repeat(ucontext_t* context) {
  greg_t* r = context->uc_mcontext.gregs;
  r[REG_RAX] = BenchRawSyscall(r[REG_RAX], r[REG_RDI], r[REG_RSI], r[REG_RDX],
                               r[REG_R10], r[REG_R8], r[REG_R9]);
}
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl BenchRawSyscall\n.type BenchRawSyscall,@function\n"
    "BenchRawSyscall:\n"
    "  mov x8, x0\n  mov x0, x1\n  mov x1, x2\n  mov x2, x3\n"
    "  mov x3, x4\n  mov x4, x5\n  mov x5, x6\n  svc #0\n"
    ".globl BenchRawSyscallReturn\nBenchRawSyscallReturn:\n  ret\n"
    ".size BenchRawSyscall, .-BenchRawSyscall\n");

static void Repeat(ucontext_t* context) {
  unsigned long long* r = (unsigned long long*)context->uc_mcontext.regs;
  r[0] = (unsigned long long)BenchRawSyscall((long)r[8], (long)r[0], (long)r[1],
                                             (long)r[2], (long)r[3], (long)r[4],
                                             (long)r[5]);
}
#endif

static void OnSyscall(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)info;
  ++g_syscall_count;
  Repeat(context);
}

bool StartCountingSyscalls(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = OnSyscall;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGSYS, &action, NULL) != 0) return false;
  uint64_t own = (uint64_t)(uintptr_t)BenchRawSyscallReturn;
  const struct FilterLine lines[] = {
      {kLoadWord, 0, 0, kAtAddressHigh},
      {kJumpIfEqual, 0, 2, (uint32_t)(own >> 32)},
      {kLoadWord, 0, 0, kAtAddressLow},
      {kJumpIfEqual, 3, 0, (uint32_t)own},
      {kLoadWord, 0, 0, kAtNumber},
      // The handler's own way back, made by libc's code.
      {kJumpIfEqual, 1, 0, SYS_rt_sigreturn},
      {kReturn, 0, 0, kTrap},
      {kReturn, 0, 0, kAllow},
  };
  const struct FilterProgram program = {sizeof lines / sizeof lines[0], lines};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return BenchRawSyscall(SYS_prctl, PR_SET_SECCOMP, kSeccompModeFilter,
                         (long)&program, 0, 0, 0) == 0;
}

long SyscallCount(void) { return g_syscall_count; }

long InvoluntarySwitches(void) {
  struct rusage usage;
  BenchRawSyscall(SYS_getrusage, RUSAGE_THREAD, (long)&usage, 0, 0, 0, 0);
  return usage.ru_nivcsw;
}
