#include "toolchains/check/judge.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "toolchains/check/callers.h"
#include "toolchains/check/facts.h"
#include "toolchains/check/names.h"
#include "toolchains/check/strangers.h"
#include "toolchains/check/warnings.h"

namespace hakmem::check {
namespace {

template <typename List>
std::vector<std::string> Strings(const List& list) {
  return {std::begin(list), std::end(list)};
}

// More than any real program has; a hostile one must not cause endless work.
constexpr size_t kMaxPulled = 64;

// Judges one program. A name that hakmem takes over is libc's or a stranger's
// unless it is the address of hakmem's own wrapper.
class Judgement {
 public:
  Judgement(ElfFile* file, const Evidence& evidence)
      : file_(file), evidence_(evidence), symbols_(*file) {}

  Report Run();

 private:
  bool Prepare();
  void ReportAbsence();
  void CheckVariant();
  void FindHeap();
  void FindMapMembers();
  void FindCallers();
  void ReportPlainNames();
  void ReportWrappers();
  void ReportHeap();
  void ReportNullWrappers();
  void ReportProofs();

  [[nodiscard]] bool Musl() const { return report_.libc == "musl"; }
  // Libc's heap is linked on purpose, and hakmem calls it.
  [[nodiscard]] bool Routes() const {
    return report_.variant == "checked" && report_.mode == "wrap";
  }
  [[nodiscard]] std::vector<std::string> TakenOver() const;
  [[nodiscard]] AddressRange HeapCode() const;
  [[nodiscard]] std::vector<std::string> NamesMeant(uint64_t address) const;
  [[nodiscard]] std::vector<std::string> CallersOf(uint64_t address) const;
  [[nodiscard]] bool IsLibcs(const std::string& name,
                             const std::string& object) const;
  [[nodiscard]] std::string DefinedBy(uint64_t address) const;
  void Add(const char* kind, const std::string& symbol,
           const std::string& object, const std::string& text);

  ElfFile* const file_;
  const Evidence evidence_;
  const SymbolIndex symbols_;
  Report report_;
  Strangers found_;
  std::vector<std::string> heap_;
  std::vector<const ArchiveMember*> pulled_;
  Callers callers_;
};

Report Judgement::Run() {
  if (!Prepare()) return report_;
  found_ = FindStrangers(symbols_, TakenOver(), report_.mode);
  FindHeap();
  FindMapMembers();
  FindCallers();
  if (report_.variant.empty()) {
    ReportAbsence();
  } else {
    CheckVariant();
    ReportPlainNames();
    ReportWrappers();
    ReportHeap();
  }
  ReportNullWrappers();
  report_.verdict =
      report_.findings.empty() ? Verdict::kClosed : Verdict::kOpen;
  ReportProofs();
  Warn(file_, symbols_, evidence_, {found_.locals, callers_}, &report_);
  return report_;
}

bool Judgement::Prepare() {
  report_.reason = WhyNot(*file_, symbols_);
  report_.libc = LibcKind(symbols_);
  report_.mode = HakmemMode(symbols_);
  report_.variant = HakmemVariant(symbols_);
  report_.linker = Linker(*file_);
  return report_.reason.empty();
}

void Judgement::Add(const char* kind, const std::string& symbol,
                    const std::string& object, const std::string& text) {
  report_.findings.push_back({kind, symbol, object, text});
}

void Judgement::ReportAbsence() {
  std::vector<std::string> who;
  for (const Symbol* symbol : symbols_.All("malloc")) {
    who = CallersOf(symbol->value);
  }
  Add("absent", "malloc", "",
      "hakmem is not in this file: its malloc is another one's" +
          (who.empty() ? "" : " (called by " + Join(who) + ")") +
          "; link hakmem.o and @wrap.opts.");
}

void Judgement::CheckVariant() {
  const std::string& variant = report_.variant;
  if (variant.find('+') != std::string::npos) {
    Add("variant", "", "",
        "Two variants of hakmem are in one file (" + variant + ").");
  } else if (!evidence_.variant.empty() && evidence_.variant != variant) {
    Add("variant", "", "",
        "The variant is " + variant + ", not " + evidence_.variant + ".");
  } else if (Routes() && evidence_.variant.empty()) {
    Add("checked", "", "",
        "Open by design: the checked variant hands foreign pointers to libc's "
        "own heap, so that heap is linked; link release or hardened, or accept "
        "it with --variant=checked.");
  }
}

std::vector<std::string> Judgement::TakenOver() const {
  return Musl() ? Strings(kWrappedMusl) : Strings(kWrappedGlibc);
}

void Judgement::FindHeap() {
  const std::vector<std::string> internals =
      Musl() ? Strings(kMuslHeap) : Strings(kGlibcHeap);
  for (const std::string& name : internals) {
    if (symbols_.Has(name)) heap_.push_back(name);
  }
  if (evidence_.libc == nullptr) return;
  // What this very C library calls its heap, whatever its version.
  for (const std::string& name : evidence_.libc->heap_globals) {
    if (symbols_.Has(name) && !Contains(heap_, name)) heap_.push_back(name);
  }
}

void Judgement::FindMapMembers() {
  if (evidence_.map == nullptr) return;
  const std::vector<std::string> members =
      evidence_.libc != nullptr ? evidence_.libc->heap_members
      : Musl()                  ? Strings(kMuslHeapMembers)
                                : Strings(kGlibcHeapMembers);
  std::set<std::string> linked;
  for (const MappedCode& code : evidence_.map->code()) {
    const std::string_view member = LibcMember(code.object);
    // With --gc-sections a member may have been read and dropped again: only
    // code that has an address counts.
    if (Contains(members, member)) linked.emplace(code.object);
  }
  for (const ArchiveMember& member : evidence_.map->members()) {
    if (pulled_.size() >= kMaxPulled) break;
    if (linked.count(member.member) != 0) pulled_.push_back(&member);
  }
  for (const std::string& object : linked) {
    const std::string name = std::string(LibcMember(object));
    if (heap_.empty() && !Contains(heap_, name)) heap_.push_back(name);
  }
}

void Judgement::FindCallers() {
  const AddressRange heap = HeapCode();
  // What lies in libc's heap is libc's, also where a linker made it local.
  for (auto it = found_.locals.begin(); it != found_.locals.end();) {
    const bool libcs = it->first >= heap.begin && it->first < heap.end;
    if (libcs) found_.plain.insert(*it);
    it = libcs ? found_.locals.erase(it) : std::next(it);
  }
  std::set<uint64_t> targets;
  for (const ByAddress* some :
       {&found_.plain, &found_.locals, &found_.wrappers}) {
    for (const auto& [address, stranger] : *some) targets.insert(address);
  }
  for (const std::string_view name : kOpensLibraries) {
    for (const Symbol* symbol : symbols_.All(name)) {
      targets.insert(symbol->value);
    }
  }
  callers_ = Callers::Find(file_, targets, heap);
}

// glibc's heap is one object with one .text, whose functions call each other.
AddressRange Judgement::HeapCode() const {
  constexpr uint64_t kLargest = 1u << 16;
  AddressRange range{UINT64_MAX, 0};
  if (Musl()) return {};
  for (const std::string& name : heap_) {
    for (const Symbol* symbol : symbols_.All(name)) {
      if (!symbol->function()) continue;
      range.begin = std::min(range.begin, symbol->value);
      range.end = std::max(range.end, symbol->value + symbol->size);
    }
  }
  for (const auto& [address, plain] : found_.plain) {
    range.end = std::max(range.end, plain.end);
  }
  if (range.end <= range.begin || range.end - range.begin > kLargest) return {};
  return range;
}

// Only relocations tell which one of several names was meant.
std::vector<std::string> Judgement::NamesMeant(uint64_t address) const {
  const std::vector<std::string>& all = found_.plain.at(address).names;
  const std::set<std::string> meant = callers_.NamesOf(address);
  std::vector<std::string> out;
  for (const ArchiveMember* member : pulled_) {
    if (Contains(all, member->symbol)) return {member->symbol};
  }
  for (const std::string& name : all) {
    if (meant.count(name) != 0) out.push_back(name);
  }
  return out.empty() ? all : out;
}

// Without calls inside of libc's heap, and in the checked variant without
// those of hakmem, which hands foreign pointers to that heap.
std::vector<std::string> Judgement::CallersOf(uint64_t address) const {
  std::vector<std::string> out;
  for (const std::string& name : callers_.Of(address)) {
    const std::string_view base = BaseName(name);
    const bool heaps =
        Musl() && (Contains(kMuslHeap, base) || Contains(kWrappedMusl, base) ||
                   Contains(kForkHooksMusl, base));
    const bool hakmems = name.find("6hakmem") != std::string::npos ||
                         base.substr(0, 7) == "__wrap_" ||
                         base.substr(0, 4) == "hak_";
    if (!heaps && !(Routes() && hakmems)) out.push_back(name);
  }
  return out;
}

// Whether a name that is not hakmem's is libc's, and not a stranger's. musl has
// entry points that hold no heap, only a call of what is wrapped; next to a
// malloc without a heap of libc they are a stranger's as well.
bool Judgement::IsLibcs(const std::string& name,
                        const std::string& object) const {
  if (!object.empty()) return !LibcMember(object).empty();
  if (!heap_.empty()) return true;
  const bool strangers = std::any_of(
      found_.plain.begin(), found_.plain.end(),
      [](const auto& entry) { return Contains(entry.second.names, "malloc"); });
  return Musl() && Contains(kMuslThin, name) && !strangers;
}

std::string Judgement::DefinedBy(uint64_t address) const {
  return evidence_.map == nullptr ? "" : evidence_.map->ObjectAt(address);
}

void Judgement::ReportPlainNames() {
  for (const auto& [address, plain] : found_.plain) {
    const std::vector<std::string> names = NamesMeant(address);
    const std::vector<std::string> who = CallersOf(address);
    const std::string object = DefinedBy(address);
    std::string pulled_by;
    for (const ArchiveMember* member : pulled_) {
      if (Contains(plain.names, member->symbol)) pulled_by = member->because;
    }
    // Next to libc's heap lie all of its names; those that nobody calls are
    // reported once, with the heap.
    const bool wanted = pulled_by.empty() || Routes();
    if (!heap_.empty() && who.empty() && wanted) continue;
    const std::string& name = names.front();
    const bool libcs = IsLibcs(name, object);
    std::string text = name;
    if (names.size() > 1) {
      text += " (the same function as " +
              Join({names.begin() + 1, names.end()}) + ")";
    }
    text += libcs ? " is libc's own, not hakmem's" : " is not hakmem's";
    if (!object.empty()) text += ", from " + object;
    if (!pulled_by.empty()) text += ", asked for by " + pulled_by;
    if (!who.empty()) text += "; called by " + Join(who);
    text += libcs ? "; -Wl,--wrap=" + name + " is missing."
                  : "; an object of the program brings an allocator of its "
                    "own: take it out there.";
    Add(libcs ? "unwrapped" : "foreign", name,
        pulled_by.empty() ? object : pulled_by, text);
  }
}

void Judgement::ReportWrappers() {
  for (const auto& [address, stranger] : found_.wrappers) {
    const std::string& name = stranger.names.front();
    const std::vector<std::string> who = CallersOf(address);
    const std::string object = DefinedBy(address);
    std::string text = name + " is not, or not only, hakmem's";
    if (!object.empty()) text += ", from " + object;
    if (!who.empty()) text += "; called by " + Join(who);
    Add("foreign", name, object,
        text +
            "; an object of the program takes the same name over for an "
            "allocator of its own: take it out there.");
  }
}

void Judgement::ReportHeap() {
  if (heap_.empty() || Routes()) return;
  std::string text = "libc's own heap is in the file (" + Join(heap_) + ")";
  std::string object;
  for (const ArchiveMember* member : pulled_) {
    if (object.empty()) {
      text += "; " + member->member + " was asked for by " + member->because +
              " (" + member->symbol + ")";
    }
    object = member->member;
  }
  const bool named =
      std::any_of(report_.findings.begin(), report_.findings.end(),
                  [](const Finding& f) { return f.kind == "unwrapped"; });
  if (!named && report_.linker == "ld.lld") {
    text +=
        "; ld.lld reads archive members before it renames their symbols "
        "and keeps what it read: add -Wl,--gc-sections";
  } else if (!named) {
    text +=
        "; nothing calls it by name, so look for a pointer to it, or link "
        "with -Wl,-q or -Wl,-Map=FILE to learn who refers to it";
  }
  Add("libc-heap", heap_.front(), object, text + ".");
}

// A linker that finds no definition of a weak reference puts 0 there, and the
// first call jumps to it.
void Judgement::ReportNullWrappers() {
  const std::vector<std::string> names = TakenOver();
  for (const Symbol& symbol : file_->symbols()) {
    if (symbol.section != SHN_UNDEF || symbol.name.empty()) continue;
    std::string_view name = symbol.name;
    const bool wrapper = name.substr(0, 7) == "__wrap_";
    if (wrapper) name.remove_prefix(7);
    if (!Contains(names, name)) continue;
    Add("null", std::string(symbol.name), "",
        std::string(symbol.name) +
            " has no definition and is a null pointer in this file; link "
            "hakmem.o as an object, not as an archive of many.");
  }
}

void Judgement::ReportProofs() {
  if (report_.variant.empty()) return;
  report_.proofs.push_back(
      std::to_string(file_->symbols().size()) + " symbols, " +
      std::to_string(heap_.size()) + " of libc's heap, " +
      std::to_string(found_.plain.size() + found_.wrappers.size()) +
      " not hakmem's");
  if (callers_.relocations() != 0) {
    report_.proofs.push_back(std::to_string(callers_.relocations()) +
                             " relocations (-q), all read");
  }
  if (evidence_.map != nullptr) {
    report_.proofs.push_back(
        std::to_string(evidence_.map->code().size()) +
        " pieces of code in the map, each with its object");
  }
  if (evidence_.libc != nullptr) {
    report_.proofs.push_back("libc.a, whose heap is " +
                             Join(evidence_.libc->heap_members));
  }
}

}  // namespace

Report Judge(ElfFile* file, const Evidence& evidence) {
  return Judgement(file, evidence).Run();
}

}  // namespace hakmem::check
