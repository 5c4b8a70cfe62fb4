# What `./dev setup` does; read by `dev`, which has `fail` and `step`.

# A file that only setup writes, so that a later run knows what this release does not have, and --undo what was installed.
unavailable=build/unavailable
changes=build/setup-changes
testing_files=(/etc/apt/sources.list.d/forky.sources /etc/apt/preferences.d/forky)

# at_least <version> <floor>: compares version numbers as far as the floor has parts.
at_least() {
  [[ $(printf '%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# missing_packages <package[>=version]>...: a line for each that is absent or too old: its name, then what is there.
missing_packages() {
  local wanted package floor version
  local -A installed=()
  while read -r package version status; do
    [[ $status != installed ]] || installed[${package%%:*}]=$version
  done < <(dpkg-query -W -f='${Package} ${Version} ${db:Status-Status}\n' "${@%%>=*}" 2>/dev/null || true)
  for wanted in "$@"; do
    package=${wanted%%>=*}
    floor=${wanted#"$package"}
    floor=${floor#>=}
    version=${installed[$package]:-}
    if [[ -z $version ]]; then
      grep -qsx "$package" "$unavailable" || echo "$package"
    elif [[ -n $floor ]] && ! dpkg --compare-versions "$(without_epoch "$version")" ge "$floor"; then
      grep -qsx "$package" "$unavailable" || echo "$package $version $floor"
    fi
  done
}

without_epoch() {
  echo "${1#*:}"
}

# What a build would get is what stands first on PATH, whatever packages there are.
check_programs() {
  local wanted program floor version
  for wanted in "${PROGRAM_FLOORS[@]}"; do
    program=${wanted%%>=*}
    floor=${wanted##*>=}
    command -v "$program" >/dev/null || continue
    version=$("$program" --version 2>/dev/null | sed -nE '1s/[^0-9]*([0-9][0-9.]*).*/\1/p')
    at_least "${version:-0}" "$floor" ||
      fail "$(command -v "$program") is $program ${version:-of an unknown version}, and building needs $floor.
Remove it, or let a newer one stand before it on PATH."
  done
}

# need <package>...: says what is missing, and how to get it; installs nothing.
need() {
  command -v apt-get >/dev/null || { need_elsewhere; return; }
  local missing
  missing=$(missing_packages "$@")
  [[ -z $missing ]] || fail "missing, or too old: $(describe "$missing"). Run ./dev setup --tools"
  check_programs
}

# For the two commands of the README.
set_up_where_missing() {
  command -v apt-get >/dev/null || { need_elsewhere; return; }
  if [[ -n $(missing_packages "${BASE_PACKAGES[@]}") ]]; then
    echo "Something that building needs is missing or too old: running ./dev setup"
    setup "${BASE_PACKAGES[@]}"
  fi
  check_programs
}

# `cmake (3.25.1-1, 3.28 is needed), mold` from the lines of missing_packages.
describe() {
  local package version floor out=""
  while read -r package version floor; do
    out+="${out:+, }$package${version:+ ($version is installed, $floor is needed)}"
  done <<<"$1"
  echo "$out"
}

need_elsewhere() {
  if command -v cmake >/dev/null && command -v ninja >/dev/null; then
    check_programs
    return
  fi
  if [[ $(uname) == Darwin ]]; then
    fail "cmake or ninja is missing. Install what building needs (nobody has tried macOS yet):
  brew install gcc cmake ninja ccache boost doctest cli11 google-benchmark llama.cpp
then build with CXX=g++-15 ./dev build"
  fi
  fail "cmake or ninja is missing, and this system has no apt. Install with its own package manager: a C++23 compiler
(GCC 14 or newer), cmake 3.28+, ninja, Boost 1.84+, llama.cpp (libllama and its headers). CMake downloads the other
C++ libraries where they are missing, and llama.cpp too with -DDSPY_FETCH_LLAMA=ON."
}

# setup <package[>=version]>...: installs what is missing or too old.
setup() {
  command -v apt-get >/dev/null || { need_elsewhere; return; }
  local missing
  missing=$(missing_packages "$@")
  if [[ -n $missing ]]; then
    echo "missing, or too old: $(describe "$missing")"
    install_packages "$@"
    missing=$(missing_packages "$@")
    [[ -z $missing ]] || fail "still missing, or too old, after the installation: $(describe "$missing").
build/logs/setup_*.log say what apt did."
  else
    echo "Everything needed is installed; setup changed nothing."
  fi
  check_programs
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

install_packages() {
  local wanted names=() apt=(apt-get -o DPkg::Lock::Timeout=600)
  while read -r wanted _; do names+=("$wanted"); done < <(missing_packages "$@")
  if [[ $EUID -ne 0 ]] && ! { command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; }; then
    fail "installing these packages needs root, and sudo is not there or asks for a password: ${names[*]}
As root, in this folder, run: ./dev setup
(that is: apt-get update; apt-get install --no-install-recommends ${names[*]}; on a Debian whose release has no
libllama-dev it first adds Debian testing with a low priority, see docs/guide/building.md)"
  fi
  confirm_once "${names[*]}"

  finish_interrupted
  local lists=fresh
  refresh_lists "${apt[@]}" || lists=old
  if [[ ! -e ${testing_files[0]} ]] && ! release_has_all "$@" && grep -qx 'ID=debian' /etc/os-release; then
    [[ $lists == fresh ]] || fail "the package lists cannot be fetched (build/logs/setup__package_lists.log): is there a network?"
    step "setup: add Debian testing" as_root bash -c "$(declare -f add_testing_source); add_testing_source"
    echo "  added ${testing_files[*]}"
    refresh_lists "${apt[@]}" || fail "the package lists of Debian testing cannot be fetched: build/logs/setup__package_lists.log"
  fi

  local package packages=()
  for package in "${names[@]}"; do
    if has_candidate "$package"; then
      packages+=("$package")
      is_new_enough "$package" "$@" && continue
      [[ $package != cmake && $package != ninja-build ]] ||
        fail "this release's $package is $(candidate "$package"), and building needs a newer one. Install it from elsewhere (pip has one)."
      echo "setup: this release's $package is too old; CMake downloads what it is for"
      mkdir -p build
      echo "$package" >>"$unavailable"
    elif [[ $lists == old ]]; then
      fail "the package lists cannot be fetched, and those at hand have no $package: is there a network?"
    else
      echo "setup: this release has no package $package, going on without it"
      mkdir -p build
      echo "$package" >>"$unavailable"
    fi
  done
  local before after
  before=$(dpkg-query -W -f='${Package} ${Version}\n' | sort)
  step "setup: install packages" as_root bash -c "$(declare -f apt_install); apt_install ${packages[*]}"
  after=$(dpkg-query -W -f='${Package} ${Version}\n' | sort)
  report_changes "$before" "$after"
  rm -f build/*/build.ninja  # what was missing at the last configure may be here now
}

# confirm_once <packages>: the only question, asked where a person is there to answer.
confirm_once() {
  local answer
  [[ -t 0 && -z ${CI:-} && ${DSPY_SETUP_YES:-} != 1 ]] || return 0
  echo "To install with apt-get: $1, and what they depend on."
  if [[ ! -e ${testing_files[0]} ]] && grep -qx 'ID=debian' /etc/os-release; then
    echo "What this Debian release lacks, or has too old, comes from Debian testing (forky), which is added with a low priority
and upgrades the C library as well; other packages stay as they are. ./dev setup --undo takes it out again."
  fi
  read -r -p "Go ahead? [y/N] " answer
  [[ $answer == [yY]* ]] || fail "nothing was installed"
}

# An installation that was cut off earlier would stop this one. What was only half unpacked lacks its libraries, and
# dpkg alone cannot configure it: apt then has to fetch those first.
finish_interrupted() {
  if [[ -n $(dpkg --audit 2>/dev/null) ]]; then
    step "setup: finish what dpkg began" as_root bash -c \
      "$(declare -f apt_install); DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a || apt_install --fix-broken"
  fi
  if ! apt-get check >/dev/null 2>&1; then
    step "setup: mend dependencies" as_root bash -c "$(declare -f apt_install); apt_install --fix-broken"
  fi
}

# Fails without ending the run where a list cannot be fetched: what is at hand may do.
refresh_lists() {
  (step "setup: package lists" as_root "$@" -o APT::Update::Error-Mode=any update) ||
    { echo "setup: not all package lists could be fetched, going on with those at hand"; return 1; }
}

candidate() {
  apt-cache policy "$1" | sed -n 's/^  Candidate: //p' | grep -v '^(none)$'
}

has_candidate() {
  [[ -n $(candidate "$1") ]] || [[ -n $(apt-cache madison "$1" 2>/dev/null) ]]
}

# Whether the release's own packages are there and new enough.
release_has_all() {
  local wanted package floor version
  for wanted in "$@"; do
    package=${wanted%%>=*}
    floor=${wanted#"$package"}
    version=$(candidate "$package") || return 1
    [[ -z $floor ]] || dpkg --compare-versions "$(without_epoch "$version")" ge "${floor#>=}" || return 1
  done
}

# is_new_enough <package> <package>=<version>...: whether what apt would install reaches the package's floor, if there is one.
is_new_enough() {
  local package=$1 wanted
  shift
  [[ ! -e ${testing_files[0]} ]] || return 0
  for wanted in "$@"; do
    [[ $wanted == "$package>="* ]] || continue
    dpkg --compare-versions "$(without_epoch "$(candidate "$package")")" ge "${wanted##*>=}" || return 1
  done
}

# Files move between packages on the way to testing (openssl-provider-legacy has one of libssl3's, libcurl4-gnutls one of
# libcurl3-gnutls'), which stops apt in some orders of unpacking; the second round lets the new owners have them.
apt_install() {
  local options=(-y --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold)
  export DEBIAN_FRONTEND=noninteractive
  [[ ! -e /etc/apt/sources.list.d/forky.sources ]] || options+=(-t forky)
  apt-get install "${options[@]}" "$@" && return
  options+=(-o Dpkg::Options::=--force-overwrite)
  apt-get install "${options[@]}" --fix-broken && apt-get install "${options[@]}" "$@"
}

# Testing's packages, from the mirror this machine uses already, with a priority below the installed release's.
add_testing_source() {
  local mirror=""
  if [[ -e /etc/apt/sources.list.d/debian.sources ]]; then
    mirror=$(awk '$1 == "URIs:" {print $2; exit}' /etc/apt/sources.list.d/debian.sources)
  fi
  if [[ -z $mirror && -e /etc/apt/sources.list ]]; then
    mirror=$(sed -nE 's/^deb( +\[[^]]*\])? +([^ ]+).*/\2/p' /etc/apt/sources.list | head -n 1)
  fi
  [[ -n $mirror ]] || { echo "no Debian mirror is named in /etc/apt: add one, then run ./dev setup again"; return 1; }
  printf '%s\n' "Types: deb" "URIs: $mirror" "Suites: forky" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" "Check-Valid-Until: no" \
    >/etc/apt/sources.list.d/forky.sources
  printf '%s\n' "Package: *" "Pin: release n=forky" "Pin-Priority: 100" >/etc/apt/preferences.d/forky
}

# report_changes <packages before> <packages after>: how many were added and upgraded; the list is kept.
report_changes() {
  local added upgraded
  mkdir -p build
  {
    echo "# $(date -u +%Y-%m-%dT%H:%M:%SZ)"
    join -v 2 <(echo "$1") <(echo "$2") | sed 's/^/added /'
    join <(echo "$1") <(echo "$2") | awk '$2 != $3 {print "upgraded", $1, $2, "to", $3}'
  } >build/setup-changes.new
  added=$(grep -c '^added' build/setup-changes.new || true)
  upgraded=$(grep -c '^upgraded' build/setup-changes.new || true)
  cat build/setup-changes.new >>"$changes"
  rm build/setup-changes.new
  echo "setup installed $added packages and upgraded $upgraded (all in $changes)."
  if [[ -e ${testing_files[0]} ]]; then
    echo "Debian testing is a source of apt's, with a low priority; ./dev setup --undo takes it out again."
  fi
}

# Packages stay: what testing upgraded, the C library first of all, cannot safely go back.
undo_setup() {
  local file present=()
  for file in "${testing_files[@]}"; do [[ ! -e $file ]] || present+=("$file"); done
  if ((${#present[@]} == 0)); then
    echo "There is nothing to undo: setup's source is not among apt's."
    return
  fi
  [[ $EUID -eq 0 ]] || command -v sudo >/dev/null || fail "removing ${present[*]} needs root"
  as_root rm -f "${present[@]}"
  echo "removed ${present[*]}"
  refresh_lists apt-get -o DPkg::Lock::Timeout=600 || true
  if grep -qs '^added' "$changes"; then
    echo "The packages stay. Those that setup added can be removed with:
  apt-get remove --autoremove $(awk '$1 == "added" {print $2}' "$changes" | sort -u |
      grep -xE "$(printf '%s|' "${BASE_PACKAGES[@]%%>=*}" "${TOOL_PACKAGES[@]%%>=*}")-" | tr '\n' ' ')
Those that it upgraded are listed in $changes."
  fi
}
