# shellcheck shell=sh disable=all  # for Busybox's ash
# One command on a line; what belongs to the one before begins with a space. Run
# in an empty folder; what it prints is in busybox_commands.expected. Every
# command is one of Busybox itself. The last ones leave their peak RSS in peak.
seq 1 100000 > numbers
wc -l numbers
wc -c < numbers
head -n 3 numbers
tail -n 3 numbers
tail -c 20 numbers
tail -n +99998 numbers
md5sum numbers
sha1sum numbers
sha256sum numbers
sha512sum numbers | cut -c 1-40
cksum numbers
sum numbers
sort -r numbers | head -n 5
sort -n numbers | md5sum
sort -rn numbers | md5sum
sort numbers > sorted
md5sum sorted
sort -c sorted && echo in order
sort -k 1.2,1.4 -k 1n numbers | md5sum
sort -u sorted numbers | wc -l
comm -12 sorted sorted | wc -l
uniq -d sorted | wc -l
tac numbers | head -n 2
rev numbers | sort -n | tail -n 2
cut -c 2- numbers | sort | uniq -c | sort -rn -k 1,1 -k 2,2n | head -n 3
nl numbers | sed -n 500p
paste numbers sorted | sed -n 77777p
paste -s -d + numbers | wc -c
fold -w 7 numbers | tail -n 1
split -l 30000 numbers part.
ls part.*
cat part.aa part.ab part.ac part.ad | cmp - numbers && echo whole
rm part.a?
dd if=numbers bs=1000 skip=10 count=2 2> /dev/null | md5sum
dd if=numbers of=copy bs=64k 2> /dev/null
cmp copy numbers && echo a copy
truncate -s 1000 copy
stat -c %s copy
cmp copy numbers 2>&1
od -b copy | head -n 2
od -c copy | sed -n 2p
hexdump -C copy | tail -n 2
hd copy | head -n 1
xxd copy | head -n 1
xxd -p copy | tail -n 1
base64 copy > encoded
wc -l < encoded
base64 -d encoded | cmp - copy && echo decoded
uuencode -m copy name > encoded
uudecode -o decoded encoded && cmp decoded copy && echo decoded
strings -n 6 numbers | tail -n 1
shuf numbers | sort -n | cmp - numbers && echo shuffled
shuf -n 10 numbers | wc -l
tr 0-9 a-j < numbers | tail -n 1
tr -d '\n' < numbers | wc -c
tr -s 0 < numbers | tail -n 1
tr -c '0-4\n' x < numbers | sort | uniq -c | sort -rn -k 1,1 -k 2,2 | head -n 2
expand numbers | md5sum
unexpand -a numbers | md5sum
yes 'a line again and again' | head -n 50000 > lines
wc lines
gzip -c numbers > numbers.gz
gunzip -c numbers.gz | md5sum
zcat numbers.gz | tail -n 1
gzip -9 -c lines | gunzip | cmp - lines && echo packed
bzip2 -c numbers > numbers.bz2
bunzip2 -c numbers.bz2 | md5sum
bzip2 -1 -c lines | bunzip2 | cmp - lines && echo packed
mkdir -p tree/a/b/c tree/d
for i in 1 2 3 4 5; do head -n $((i * 1000)) numbers > tree/a/$i; done
for i in 1 2 3 4 5; do tail -n $((i * 100)) numbers > tree/a/b/c/$i; done
ln -s ../a/1 tree/d/link
readlink tree/d/link
realpath tree/d/link | sed 's#.*/tree#tree#'
cp -a tree other
diff -r tree other && echo the same
find tree -type f | sort
find tree -type l
find tree -type d | wc -l
find tree -size +20 -type f | sort
find tree -type f -exec wc -l {} + | tail -n 1
find tree -type f -print0 | xargs -0 -n 2 cat | wc -c
find . -name '[ab]' | sort
du -s other > /dev/null && echo measured
tar -cf tree.tar tree
tar -tf tree.tar | sort
tar -czf tree.tgz tree
tar -cjf tree.tbz tree
mkdir x y z
tar -xf tree.tar -C x
tar -xzf tree.tgz -C y
tar -xjf tree.tbz -C z
diff -r x/tree tree && diff -r y/tree tree &&
  diff -r z/tree tree && echo unpacked
find tree | cpio -o -H newc > tree.cpio 2> /dev/null
(mkdir w && cd w && cpio -i -d 2> /dev/null < ../tree.cpio)
diff -r w/tree tree && echo unpacked
rm -r x y z w
sed 's/7$/seven/' numbers > changed
diff numbers changed | wc -l
diff -u numbers changed > changes
grep -c '^@@' changes
cp numbers patched
patch patched changes
cmp patched changed && echo patched
patch -R patched changes
cmp patched numbers && echo back
sed -n '/99$/p' numbers | wc -l
sed -n '100,105p;105q' numbers
sed 's/\(.\)\(.\)$/\2\1/' numbers | sort -n | uniq -d | wc -l
sed '1!G;h;$!d' tree/a/1 | head -n 2
sed -e :a -e '$!N;s/\n/,/;ta' tree/a/1 | wc -c
sed -E 's/([0-9])([0-9]+)/\2-\1/' numbers | tail -n 1
sed -i 's/^/x/' tree/a/2
head -n 1 tree/a/2
sed '2,$d;a\
appended' numbers
sed y/0123/abcd/ numbers | tail -n 1
sed = tree/a/1 | sed N | wc -l
grep -c 77 numbers
grep -v 1 numbers | wc -l
grep -E '^(12|34)+$' numbers
grep -F -x -f tree/a/b/c/1 numbers | wc -l
grep -n '^99999$' numbers
grep -o '[0-4]*9$' numbers | sort -u | wc -l
grep -rl 99990 tree | sort
grep -w -m 2 10 numbers
grep -A 1 -B 1 '^500$' numbers
grep -q nothing numbers || echo nothing
awk '{ s += $1 } END { print s }' numbers
awk '{ a[$1 % 1000] = a[$1 % 1000] " " $1 }
  END { print length(a[7]), a[999] }' numbers | cut -c 1-60
awk '{ l = l $1 } END { print length(l) }' tree/a/5
awk 'BEGIN { for (i = 0; i < 20000; i++) a["key" i] = i
  for (k in a) if (k ~ /9$/) delete a[k]; print length(a) }'
awk '{ n = split($0, d, ""); for (i = 1; i <= n; i++) c[d[i]]++ }
  END { for (i = 0; i < 10; i++) printf "%d ", c[i]; print "" }' numbers
awk -F 5 'NF > 3 { n++ } END { print n }' numbers
awk '{ gsub(/[13579]/, "odd"); n += length($0) } END { print n }' numbers
awk '{ print substr($0, 2, 2) > "by." length($0) }' numbers
wc -l by.* | sort
awk 'BEGIN { while ((getline x < "numbers") > 0) if (x % 9999 == 0) s = s x
  close("numbers"); print s }'
awk 'BEGIN { printf "%s %5.2f %x %c %-4d|\n", "text", 3.14159, 255, 65, 7 }'
awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) }
  BEGIN { print f(20) }'
awk 'BEGIN { print toupper("up"), tolower("DOWN"), index("abcd", "c"),
  match("xxabc", /abc/) }'
awk 'BEGIN { s = sprintf("%2000s", "x"); print length(s s s) }'
awk -v x=5 -v y=7 'BEGIN { print x ^ y, int(x / y), x % y }'
awk 'NR % 20000 == 0' numbers
bc << EOF
2 ^ 400
EOF
echo 'scale = 60; 4 * a(1)' | bc -l
printf 'define f(n) {\nif (n < 2) return 1; return n * f(n - 1);\n}\nf(60)\n' |
  bc
echo '3 4 + 5 * p' | dc
echo '100 k 2 v p' | dc
expr 6 \* 7
expr substr abcdef 2 3
expr abcdef : 'abc\(.*\)'
expr length 'a b c'
factor 1234567890 99991
printf '%s-%d-%o-%x-%c\n' text 42 8 255 y
printf '%5s|%-5s|%05d\n' a b 3
basename /a/b/c.txt .txt
dirname /a/b/c.txt
date -u -d @86400 +%Y-%m-%dT%H:%M:%S
date -u -d '2024-02-29 12:00:00' +%s
uname -s
env -i A=b env
test -f numbers && echo a file
test 5 -gt 3 && echo more
[ -d tree ] && [ ! -e nothing ] && echo a folder
true && echo yes
false || echo no
mkfifo pipe
(cat numbers > pipe &) ; md5sum < pipe
rm pipe
touch empty
stat -c '%s %F' empty
chmod 640 empty
stat -c %a empty
ls -1 tree/a
mv empty full
cp full full2
ls full full2
rmdir tree/nothing 2> /dev/null || echo not there
mktemp -d ./made.XXXXXX | cut -c 1-7
tee one two < tree/a/b/c/1 | wc -l
cmp one two && echo both
timeout 10 true && echo in time
sh -c 'timeout 1 sleep 5' 2> /dev/null || echo ended
which sh > /dev/null || echo standalone
seq 1 2 9 | xargs echo
seq 1 1000 | xargs -n 100 echo | wc -l
seq 1 20 | xargs -I N echo item N | tail -n 1
printf '%s\n' 1i 'first' . 2i second . '$p' 1,2p w q | ed full2
cat full2
i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; echo $i
s=; for i in $(seq 1 2000); do s="$s $i"; done; echo ${#s}
set -- $(cat numbers | head -n 5000); echo $# $5000
shift 4000; echo $# $1
f() { local x="$1"; [ $x -eq 0 ] && return; f $((x - 1)); echo $x; }
f 200 | wc -l
v=$(cat numbers); echo ${#v}
v=${v#1}; echo ${#v}
v=${v%100000}; echo ${#v}
x=abcabc; echo ${x%b*} ${x%%b*} ${x#*b} ${x##*b} ${x/b/X} ${x//b/X} ${x:1:3}
echo ${nothing:-default} ${x:+set} $((0x1f + 010)) $((7 ** 3))
case abc in a*c) echo matched ;; *) echo not ;; esac
alias greet='echo hello'; eval greet
trap 'echo trapped' USR1; kill -USR1 $$
(exit 7); echo $?
a=1; (a=2; echo $a); echo $a
echo one two three | { read a b; echo $b; }
while read n; do [ $n -gt 2990 ] && echo $n; done < tree/a/3 | wc -l
cat << EOF | wc -c
$(cat tree/a/4)
EOF
for i in 1 2 3 4 5 6 7 8; do (seq 1 20000 | sort -r | md5sum) & done; wait
set -o pipefail; false | true || echo a pipe fails
command -v cd
type f | head -n 1
getopts ab: option -a && echo $option
echo 'print me' | sh -c 'cat'
sh -c 'echo $0 $#' name 1 2 3
eval "$(awk 'BEGIN { for (i = 0; i < 2000; i++) print "v" i "=" i * i }')"
echo $v1999
unset v; echo ${v-unset}
rm -rf tree other by.* made.*
ls | wc -l
awk '{ a[$1] = $1 "" $1 } END { while ((getline l < "/proc/self/status") > 0)
  if (l ~ /VmHWM/) print l }' numbers > peak
grep VmHWM /proc/$$/status >> peak
