#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::test {

/// What a network does to what a server sends.
struct Faults {
  std::chrono::milliseconds latency{0};    ///< Before the first byte of each piece.
  std::size_t slice = 0;                   ///< Bytes of each piece; 0: as they come.
  std::optional<std::size_t> limit = {};   ///< After so many bytes of a connection it ends.
  bool resets = false;                     ///< By a reset, not by a close.
  bool swallows = false;                   ///< Nothing arrives.
  int faulty_connections = 1'000'000'000;  ///< Those after them are left alone.
};

/// Stands between a client and a server on this machine, and does this to their connections, a thread for each.
class FaultProxy {
 public:
  FaultProxy(std::uint16_t server, Faults faults) : server_(server), faults_(faults) {
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_until(stop); });
  }
  ~FaultProxy() {
    accepting_.request_stop();
    boost::system::error_code code;
    tcp::socket(loop_).connect(acceptor_.local_endpoint(), code);  // so that `accept` returns
    accepting_.join();
    const std::lock_guard lock(mutex_);
    for (auto* const each : open_) each->shutdown(tcp::socket::shutdown_both, code);
  }
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  std::string url(std::string_view path) const {
    return std::format("http://127.0.0.1:{}{}", acceptor_.local_endpoint().port(), path);
  }
  int connections() const { return connections_; }

 private:
  using tcp = boost::asio::ip::tcp;

  /// A socket that the proxy's end closes, wherever its thread waits.
  struct Open {
    Open(FaultProxy& proxy, tcp::socket& socket) : of(proxy), kept(socket) {
      const std::lock_guard lock(of.mutex_);
      of.open_.push_back(&kept);
    }
    ~Open() {
      const std::lock_guard lock(of.mutex_);
      std::erase(of.open_, &kept);
    }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    FaultProxy& of;
    tcp::socket& kept;
  };

  void accept_until(const std::stop_token& stop) {
    while (true) {
      tcp::socket client(loop_);
      boost::system::error_code code;
      acceptor_.accept(client, code);
      if (stop.stop_requested()) return;
      if (code) continue;
      const bool is_faulty = ++connections_ <= faults_.faulty_connections;
      threads_.emplace_back(
          [this, is_faulty, socket = std::move(client)]() mutable { serve(socket, is_faulty ? faults_ : Faults()); });
    }
  }

  void serve(tcp::socket& client, const Faults& faults) {
    tcp::socket server(loop_);
    boost::system::error_code code;
    server.connect({boost::asio::ip::address_v4::loopback(), server_}, code);
    if (code) return;
    const Open one(*this, client), other(*this, server);
    std::jthread asking([&] { pump(client, server, {}); });
    pump(server, client, faults);
    server.shutdown(tcp::socket::shutdown_both, code);
    if (faults.resets) {
      // What is closed without lingering is reset; the other thread waits in a read of it until then.
      client.set_option(boost::asio::socket_base::linger(true, 0), code);
      client.shutdown(tcp::socket::shutdown_receive, code);
      asking.join();
      client.close(code);
    } else {
      client.shutdown(tcp::socket::shutdown_both, code);
    }
  }

  static void pump(tcp::socket& from, tcp::socket& to, const Faults& faults) {
    std::array<char, 4096> buffer = {};
    std::size_t passed = 0;
    boost::system::error_code code;
    while (true) {
      const auto count = from.read_some(boost::asio::buffer(buffer), code);
      if (code) break;
      if (faults.swallows) continue;
      auto left = std::string_view(buffer.data(), count);
      if (faults.limit) left = left.substr(0, *faults.limit - passed);
      passed += left.size();
      while (!left.empty() && !code) {
        if (faults.latency.count() > 0) std::this_thread::sleep_for(faults.latency);
        const auto piece = left.substr(0, faults.slice == 0 ? left.size() : faults.slice);
        boost::asio::write(to, boost::asio::buffer(piece), code);
        left.remove_prefix(piece.size());
      }
      if (code || (faults.limit && passed == *faults.limit)) return;
    }
    to.shutdown(tcp::socket::shutdown_send, code);
  }

  std::uint16_t server_;
  Faults faults_;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<tcp::socket*> open_;
  boost::asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  std::vector<std::jthread> threads_;  ///< Only the accepting thread adds to them.
  std::jthread accepting_;
};

}  // namespace dspy::test
