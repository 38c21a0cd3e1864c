// Holds: a reader of libc.a, to learn a C library's heap from itself.
// Read next: archive.cc

#ifndef HAKMEM_TOOLCHAINS_CHECK_ARCHIVE_H_
#define HAKMEM_TOOLCHAINS_CHECK_ARCHIVE_H_

#include <optional>
#include <string>
#include <vector>

#include "toolchains/check/byte_source.h"

namespace hakmem::check {

struct Reference {
  std::string member;
  std::string symbol;
};

struct LibcArchive {
  // "glibc", "musl" or "" and "2.36"; "" where the archive does not tell.
  std::string kind;
  std::string version;
  // The members that define a name of the heap, and every global of theirs.
  std::vector<std::string> heap_members;
  std::vector<std::string> heap_globals;
  // Members outside of the heap that reach into it by a name that hakmem does
  // not take over.
  std::vector<Reference> around;

  // A sentence in `error` unless `source` is an archive of objects.
  static std::optional<LibcArchive> Read(const ByteSource& source,
                                         std::string* error);
};

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_ARCHIVE_H_
