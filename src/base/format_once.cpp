/// The definitions that format_once.hpp declares. Compiled without it: here the library's templates are instantiated.
#include <format>
#include <locale>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 14
template std::__format::_Sink_iter<char>
std::__format::__do_vformat_to<std::__format::_Sink_iter<char>, char, std::format_context>(
    std::__format::_Sink_iter<char>, std::string_view, const std::format_args&, const std::locale*);
template std::__format::_Sink_iter<wchar_t>
std::__format::__do_vformat_to<std::__format::_Sink_iter<wchar_t>, wchar_t, std::wformat_context>(
    std::__format::_Sink_iter<wchar_t>, std::wstring_view, const std::wformat_args&, const std::locale*);
#endif
