# Reads `objdump -d --no-show-raw-insn` of a linked program and walks the path
# that malloc and free take when nothing is unusual: from the entry point on,
# every conditional branch falls through, every unconditional one is followed,
# up to the return. Prints for each entry point (-v entries="a b")
#
#   NAME instructions loads stores branches calls
#
# with the return among the instructions and landing pads for indirect branches
# (endbr64, bti) left out: they cost nothing and depend on how GCC was
# configured. With -v show=1 the instructions themselves follow, for the one
# who wants to know what changed. Works for x86-64 (AT&T syntax) and aarch64.

function fail(sentence) {
  print sentence > "/dev/stderr"
  failed = 1
  exit 1
}

/file format elf64-x86-64/ { arch = "x86_64" }
/file format elf64-littleaarch64/ { arch = "aarch64" }

# 0000000000401000 <main>:
/^[0-9a-f]+ <.*>:$/ {
  name = $2
  sub(/^</, "", name)
  sub(/>:$/, "", name)
  address = $1
  sub(/^0+/, "", address)
  start[name] = address
  next
}

#   401000:	mov    %rdi,%rax
/^ +[0-9a-f]+:\t/ {
  address = $1
  sub(/:$/, "", address)
  $1 = ""
  sub(/^ +/, "")
  sub(/ *(# |\/\/ ).*$/, "")
  text[address] = $0
  if (previous != "") following[previous] = address
  previous = address
  next
}

# A load and a store are what the instruction does to memory; a
# read-modify-write is both. The stack's part in call and ret is neither.
function count_x86(op, rest) {
  if (op ~ /^(call|callq)$/) { calls++; return }
  if (op ~ /^j/) { branches++; return }
  if (op ~ /^push/) { stores++; return }
  if (op ~ /^pop/) { loads++; return }
  if (op ~ /^(lea|nop|prefetch)/) return
  if (rest !~ /\(|%[fg]s:/) return
  # The destination is the last operand.
  if (rest ~ /(\)|%[fg]s:[-0-9a-fx]+)$/) {
    if (op ~ /^(cmp|test|bt[lqw]?$)/) { loads++; return }
    stores++
    if (op ~ /^(mov|set)/) return
  }
  loads++
}

function count_aarch64(op) {
  if (op ~ /^(bl|blr)$/) { calls++; return }
  if (op ~ /^(b|b\..*|br|cbz|cbnz|tbz|tbnz)$/) { branches++; return }
  if (op ~ /^ld/) loads++
  if (op ~ /^st/) stores++
  if (op ~ /^(cas|swp|ldadd|ldset|ldclr)/) stores++
}

function is_jump(op) {
  return arch == "x86_64" ? op ~ /^jmp/ : op == "b"
}

function walk(entry,    at, words, op, rest, steps, path) {
  if (!(entry in start)) fail("there is no function " entry)
  instructions = loads = stores = branches = calls = 0
  at = start[entry]
  path = ""
  for (steps = 0; steps < 500; ++steps) {
    if (!(at in text)) fail(entry ": the path leads to " at ", no instruction")
    split(text[at], words, /[ \t]+/)
    op = words[1]
    rest = text[at]
    sub(/^[^ \t]+[ \t]*/, "", rest)
    sub(/ *<.*>$/, "", rest)
    if (op !~ /^(endbr64|bti)$/) {
      instructions++
      path = path "    " at ": " text[at] "\n"
      if (arch == "x86_64") count_x86(op, rest); else count_aarch64(op)
    }
    if (op ~ /^(ret|retq|retaa|retab)$/) {
      print entry, instructions, loads, stores, branches, calls
      if (show) printf "%s", path
      return
    }
    if (is_jump(op)) {
      if (rest !~ /^[0-9a-f]+$/) fail(entry ": jumps to " rest)
      at = rest
    } else {
      at = following[at]
    }
  }
  fail(entry ": no return after 500 instructions:\n" path)
}

END {
  if (failed) exit 1
  if (arch == "") fail("this is no disassembly of x86-64 or aarch64")
  count = split(entries, wanted, " ")
  for (i = 1; i <= count; ++i) walk(wanted[i])
}
