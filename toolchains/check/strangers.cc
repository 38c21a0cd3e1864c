#include "toolchains/check/strangers.h"

#include <set>

#include "toolchains/check/names.h"

namespace hakmem::check {
namespace {

// More than any real program has; a hostile one must not cause endless work.
constexpr size_t kMaxStrangers = 256;

// Somebody's variable called free is no heap.
bool Variable(const Symbol& symbol) {
  return symbol.type == STT_OBJECT || symbol.type == STT_TLS;
}

// A static function of the program's own, and no heap's: a heap whose names
// were made local has one of kHeapCore as well, and libc's hidden ones begin
// with two underscores.
bool LikelyPrograms(const Symbol& symbol, std::string_view name) {
  return symbol.binding == STB_LOCAL && name.substr(0, 2) != "__" &&
         !Contains(kHeapCore, name);
}

void Add(const Symbol& symbol, const std::string& name, ByAddress* out) {
  if (out->size() >= kMaxStrangers) return;
  Stranger& stranger = (*out)[symbol.value];
  if (!Contains(stranger.names, name)) stranger.names.push_back(name);
  stranger.end = symbol.value + symbol.size;
}

// The functions called exactly so; what a compiler split off is not the name.
std::map<uint64_t, const Symbol*> Functions(const SymbolIndex& symbols,
                                            const std::string& name) {
  std::map<uint64_t, const Symbol*> out;
  for (const Symbol* symbol : symbols.All(name)) {
    if (symbol->name == name && !Variable(*symbol)) {
      out.emplace(symbol->value, symbol);
    }
  }
  return out;
}

// A vendor's pool may be behind --wrap as well. Where the linker does not see
// two definitions (hakmem_override.o has its wrappers as local names, ld -r and
// objcopy make a vendor's local), the calls go to one of them, and not to
// hakmem's. Which is hakmem's tells the plain name, which is there as well
// where libc's heap is not.
void FindWrappers(const SymbolIndex& symbols, const std::string& name,
                  std::string_view mode, ByAddress* out) {
  const std::string wrapper = "__wrap_" + name;
  const auto all = Functions(symbols, wrapper);
  const auto plain = Functions(symbols, name);
  std::vector<const Symbol*> others;
  for (const auto& [address, symbol] : all) {
    if (plain.count(address) == 0) others.push_back(symbol);
  }
  // --gc-sections drops a malloc of hakmem's that nothing can reach. The names
  // that only glibc has may be defined by a program for musl.
  const bool dropped = mode == "override" && Contains(kWrappedMusl, name);
  if (all.size() < 2 && !dropped) return;
  if (others.empty() && all.size() > 1) {
    for (const auto& [address, symbol] : all) others.push_back(symbol);
  }
  for (const Symbol* symbol : others) Add(*symbol, wrapper, out);
}

}  // namespace

// In override mode, and for linkers that look for malloc before they rename it,
// hakmem defines the plain names too: at the addresses of its wrappers.
Strangers FindStrangers(const SymbolIndex& symbols,
                        const std::vector<std::string>& names,
                        std::string_view mode) {
  Strangers out;
  for (const std::string& name : names) {
    FindWrappers(symbols, name, mode, &out.wrappers);
    const auto wrappers = Functions(symbols, "__wrap_" + name);
    for (const Symbol* symbol : symbols.All(name)) {
      if (Variable(*symbol) || wrappers.count(symbol->value) != 0) continue;
      const bool programs = LikelyPrograms(*symbol, name);
      Add(*symbol, name, programs ? &out.locals : &out.plain);
    }
  }
  // Another name of the same function.
  for (auto& [address, stranger] : out.plain) {
    const auto same = out.locals.find(address);
    if (same == out.locals.end()) continue;
    for (const std::string& name : same->second.names) {
      stranger.names.push_back(name);
    }
    out.locals.erase(same);
  }
  return out;
}

}  // namespace hakmem::check
