#include "dspy/base/error.hpp"
#include "dspy/server/listener.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <charconv>
#include <format>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::server {

namespace asio = boost::asio;

ListenerOptions listen_at(const std::string& address) {
  const auto fail = [&](std::string_view why) {
    throw Error(Errc::invalid_parameter,
                std::format("cannot listen at `{}`: {}; write ADDRESS:PORT, such as 127.0.0.1:8080", address, why));
  };
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) fail("it has no port");
  ListenerOptions out;
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  if (!host.empty()) out.address = host;
  boost::system::error_code code;
  asio::ip::make_address(out.address, code);
  if (code) fail("the address is not numeric");
  const auto digits = std::string_view(address).substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) fail("the port is none");
  return out;
}

bool is_loopback(const std::string& address) {
  boost::system::error_code code;
  const auto parsed = asio::ip::make_address(address, code);
  return !code && parsed.is_loopback();
}

}  // namespace dspy::server
