// Holds: the functions that go by a name of hakmem's without being hakmem's.
// Read next: judge.h

#ifndef HAKMEM_TOOLCHAINS_CHECK_STRANGERS_H_
#define HAKMEM_TOOLCHAINS_CHECK_STRANGERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "toolchains/check/facts.h"

namespace hakmem::check {

// Several names may be one address.
struct Stranger {
  std::vector<std::string> names;
  uint64_t end = 0;
};
using ByAddress = std::map<uint64_t, Stranger>;

struct Strangers {
  // Names that hakmem takes over: libc's, or somebody's allocator.
  ByAddress plain;
  // Of the same names, but most likely a program's own static functions, which
  // --wrap never touches.
  ByAddress locals;
  // Names of hakmem's wrappers: --wrap sends calls to them instead.
  ByAddress wrappers;
};

// `names` are those that hakmem takes over, `mode` is HakmemMode's.
Strangers FindStrangers(const SymbolIndex& symbols,
                        const std::vector<std::string>& names,
                        std::string_view mode);

}  // namespace hakmem::check

#endif  // HAKMEM_TOOLCHAINS_CHECK_STRANGERS_H_
