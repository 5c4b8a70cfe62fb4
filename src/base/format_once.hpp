/// What std::format runs, compiled once: with libstdc++ 14 every file that includes <memory> would otherwise compile it
/// again, a quarter of a second for characters and wide characters each file. A specialization and not `extern
/// template`, because the function is inline and GCC instantiates inline functions in spite of that. Later versions of
/// the library hold this themselves. Part of our precompiled headers and of nothing else; never installed.
#pragma once

#include <format>
#include <locale>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 14
// The library's own names: NOLINTNEXTLINE(bugprone-reserved-identifier, bugprone-std-namespace-modification)
namespace std::__format {
template <>
_Sink_iter<char> __do_vformat_to<_Sink_iter<char>, char, format_context>(  //
    _Sink_iter<char>, string_view, const format_args&, const locale*);
template <>
_Sink_iter<wchar_t> __do_vformat_to<_Sink_iter<wchar_t>, wchar_t, wformat_context>(  //
    _Sink_iter<wchar_t>, wstring_view, const wformat_args&, const locale*);
}  // namespace std::__format
#endif
