#include "base/format_once.hpp"

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE == 14
template std::__format::_Sink_iter<char>
std::__format::__do_vformat_to<std::__format::_Sink_iter<char>, char, std::format_context>(
    std::__format::_Sink_iter<char>, std::string_view, const std::format_args&, const std::locale*);
#endif
