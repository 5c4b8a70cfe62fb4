#include "http/address.hpp"

#include "dspy/base/text.hpp"
#include "dspy/http/url.hpp"
#include "dspy/http/url_guard.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace dspy::http {
namespace {

namespace ip = boost::asio::ip;

struct Network4 {
  std::uint32_t address;
  unsigned bits;
  bool is_near = false;

  bool contains(std::uint32_t other) const noexcept { return ((address ^ other) >> (32 - bits)) == 0; }
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) noexcept {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA's registry of special-purpose IPv4 addresses.
constexpr std::array<Network4, 16> special = {{
    {.address = v4(0, 0, 0, 0), .bits = 8},
    {.address = v4(10, 0, 0, 0), .bits = 8, .is_near = true},
    {.address = v4(100, 64, 0, 0), .bits = 10, .is_near = true},  // also what VPNs number their hosts from
    {.address = v4(127, 0, 0, 0), .bits = 8, .is_near = true},
    {.address = v4(169, 254, 0, 0), .bits = 16, .is_near = true},
    {.address = v4(172, 16, 0, 0), .bits = 12, .is_near = true},
    {.address = v4(192, 0, 0, 0), .bits = 24},
    {.address = v4(192, 0, 2, 0), .bits = 24},
    {.address = v4(192, 31, 196, 0), .bits = 24},
    {.address = v4(192, 88, 99, 0), .bits = 24},
    {.address = v4(192, 168, 0, 0), .bits = 16, .is_near = true},
    {.address = v4(198, 18, 0, 0), .bits = 15},
    {.address = v4(198, 51, 100, 0), .bits = 24},
    {.address = v4(203, 0, 113, 0), .bits = 24},
    {.address = v4(224, 0, 0, 0), .bits = 4},
    {.address = v4(240, 0, 0, 0), .bits = 4},
}};

const Network4* special_network(const ip::address_v4& address) noexcept {
  const auto number = address.to_uint();
  const auto* const found = std::ranges::find_if(special, [&](const Network4& net) { return net.contains(number); });
  return found == special.end() ? nullptr : found;
}

bool is_public_v4(const ip::address_v4& address) noexcept {
  return special_network(address) == nullptr;
}

ip::address_v4 last_four(const ip::address_v6::bytes_type& bytes) noexcept {
  return ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

bool is_nat64(const ip::address_v6::bytes_type& bytes) noexcept {
  constexpr std::array<unsigned char, 12> prefix = {0x00, 0x64, 0xff, 0x9b};
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

/// Of 2000::/3, the only part that is given out: all but documentation, tunnels and protocol assignments.
bool is_public_v6(const ip::address_v6& address) noexcept {
  const auto bytes = address.to_bytes();
  if (address.is_v4_mapped() || is_nat64(bytes)) return is_public_v4(last_four(bytes));
  if ((bytes[0] & 0xe0) != 0x20) return false;
  const auto first = static_cast<unsigned>(bytes[0] << 8 | bytes[1]);
  const auto second = static_cast<unsigned>(bytes[2] << 8 | bytes[3]);
  if (first == 0x2001 && (second < 0x0200 || second == 0x0db8)) return false;
  if (first == 0x2002) return false;
  return first != 0x3fff || second >= 0x1000;
}

bool is_near_v6(const ip::address_v6& address) noexcept {
  const auto bytes = address.to_bytes();
  return address.is_loopback() || address.is_link_local() || (bytes[0] & 0xfe) == 0xfc;
}

}  // namespace

bool is_public(const ip::address& address) noexcept {
  return address.is_v4() ? is_public_v4(address.to_v4()) : is_public_v6(address.to_v6());
}

bool is_near(const ip::address& address) noexcept {
  if (address.is_v6() && !address.to_v6().is_v4_mapped()) return is_near_v6(address.to_v6());
  const auto* const net = special_network(address.is_v4() ? address.to_v4() : last_four(address.to_v6().to_bytes()));
  return net != nullptr && net->is_near;
}

bool is_public(const sockaddr& address) noexcept {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return is_public_v4(ip::address_v4(ntohl(in.sin_addr.s_addr)));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, &address, sizeof in);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
    return is_public_v6(ip::address_v6(bytes));
  }
  return false;
}

bool is_public_address(std::string_view address) noexcept {
  boost::system::error_code problem;
  const auto read = ip::make_address(address, problem);
  return !problem && is_public(read);
}

bool is_loopback(std::string_view host) noexcept {
  while (host.ends_with('.')) host.remove_suffix(1);
  constexpr std::string_view name = "localhost";
  if (host.size() >= name.size() && text::equals_ignoring_case(host.substr(host.size() - name.size()), name))
    return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
  boost::system::error_code problem;
  const auto address = ip::make_address(host, problem);
  return !problem && (address.is_loopback() || (address.is_v6() && address.to_v6().is_v4_mapped() &&
                                                last_four(address.to_v6().to_bytes()).is_loopback()));
}

}  // namespace dspy::http
