/// What std::format runs, compiled once: with libstdc++ 14 every file that formats would otherwise compile all of it
/// again, more than a second each. Later versions of the library hold this themselves. Part of the precompiled headers,
/// and of nothing else.
#pragma once

#include <format>
#include <locale>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 14
// The library's own names: NOLINTNEXTLINE(bugprone-reserved-identifier, bugprone-std-namespace-modification)
namespace std::__format {
extern template _Sink_iter<char> __do_vformat_to<_Sink_iter<char>, char, format_context>(  //
    _Sink_iter<char>, string_view, const format_args&, const locale*);
}  // namespace std::__format
#endif
