// Holds: which names mean what. The names that hakmem takes over are generated
// from toolchains/wrap_list.bzl; those of libc's own heap are listed here, as
// seen in the versions below.
// Read next: judge.h

#ifndef HAKMEM_TOOLCHAINS_CHECK_NAMES_H_
#define HAKMEM_TOOLCHAINS_CHECK_NAMES_H_

#include <algorithm>
#include <iterator>
#include <string_view>

#include "toolchains/check/wrapped_names.h"

namespace hakmem::check {

inline constexpr std::string_view kVerifiedGlibc = "2.36";
inline constexpr std::string_view kVerifiedMusl = "1.2.3";

// Only libc's own heap has these. Names that somebody else might use (mp_,
// free_list, alloc_slot) are left out: one of these is always there as well.
inline constexpr std::string_view kGlibcHeap[] = {
    "_int_malloc",    "_int_free",     "_int_realloc",       "_int_memalign",
    "sysmalloc",      "main_arena",    "__libc_mallinfo",    "__libc_mallinfo2",
    "__libc_mallopt", "__malloc_trim", "malloc_consolidate",
};
inline constexpr std::string_view kMuslHeap[] = {
    "__libc_malloc_impl", "__malloc_context", "__malloc_alloc_meta",
    "__malloc_donate",    "__simple_malloc",  "nontrivial_free",
};
inline constexpr std::string_view kGlibcHeapMembers[] = {"malloc.o"};
inline constexpr std::string_view kMuslHeapMembers[] = {
    "lite_malloc.lo", "malloc.lo",         "free.lo",   "realloc.lo",
    "calloc.lo",      "libc_calloc.lo",    "donate.lo", "aligned_alloc.lo",
    "memalign.lo",    "posix_memalign.lo", "valloc.lo", "malloc_usable_size.lo",
};

// musl's objects that hold no heap: they call what may be wrapped.
inline constexpr std::string_view kMuslThin[] = {
    "free", "calloc", "realloc", "memalign", "posix_memalign", "valloc"};

// Some of these are in every static program of the C library.
inline constexpr std::string_view kGlibcTraces[] = {
    "__libc_setup_tls", "_dl_relocate_static_pie", "_nl_C_locobj",
    "__libc_early_init", "_IO_stdfile_1_lock"};
inline constexpr std::string_view kMuslTraces[] = {
    "__init_libc", "libc_start_main_stage2", "__libc_start_init",
    "__libc_exit_fini"};

// No allocator is without one of these.
inline constexpr std::string_view kHeapCore[] = {
    "malloc",        "calloc",         "realloc", "free",
    "aligned_alloc", "posix_memalign", "memalign"};

// They open shared libraries, and with them a second C library: NSS, iconv. All
// that glibc's own libc.a warns about at the link, and those that it forgot.
// The two of kOpensLibraries are in every program, so they must be called.
inline constexpr std::string_view kOpensLibraries[] = {"dlopen", "dlmopen"};
inline constexpr std::string_view kLoadsLibraries[] = {
    "getaddrinfo",      "getnameinfo",      "iconv_open",
    "ether_hostton",    "ether_ntohost",    "getaliasbyname",
    "getaliasbyname_r", "getaliasent",      "getaliasent_r",
    "getgrent",         "getgrent_r",       "getgrgid",
    "getgrgid_r",       "getgrnam",         "getgrnam_r",
    "getgrouplist",     "gethostbyaddr",    "gethostbyaddr_r",
    "gethostbyname",    "gethostbyname2",   "gethostbyname2_r",
    "gethostbyname_r",  "gethostent",       "gethostent_r",
    "getnetbyaddr",     "getnetbyaddr_r",   "getnetbyname",
    "getnetbyname_r",   "getnetent",        "getnetent_r",
    "getnetgrent",      "getnetgrent_r",    "getprotobyname",
    "getprotobyname_r", "getprotobynumber", "getprotobynumber_r",
    "getprotoent",      "getprotoent_r",    "getpwent",
    "getpwent_r",       "getpwnam",         "getpwnam_r",
    "getpwuid",         "getpwuid_r",       "getrpcbyname",
    "getrpcbyname_r",   "getrpcbynumber",   "getrpcbynumber_r",
    "getrpcent",        "getrpcent_r",      "getservbyname",
    "getservbyname_r",  "getservbyport",    "getservbyport_r",
    "getservent",       "getservent_r",     "getsgent",
    "getsgent_r",       "getsgnam",         "getsgnam_r",
    "getspent",         "getspent_r",       "getspnam",
    "getspnam_r",       "initgroups",       "innetgr",
    "setnetgrent",
};

template <typename List>
bool Contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

// "free" of "free.part.0": what a compiler split off keeps its name.
inline std::string_view BaseName(std::string_view name) {
  return name.substr(0, name.find('.', 1));
}

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_NAMES_H_
