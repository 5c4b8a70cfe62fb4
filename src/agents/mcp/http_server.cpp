#include "agents/mcp/headers.hpp"
#include "agents/mcp/http_session.hpp"
#include "agents/process/descriptor.hpp"
#include "dspy/agents/mcp/server.hpp"
#include "dspy/base/error.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <format>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

namespace dspy {
namespace {

using process::Descriptor;

Descriptor listening(std::uint16_t& port) {
  Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: the interface of sockets
  if (::bind(out.get(), generic, sizeof address) != 0 || ::listen(out.get(), 64) != 0)
    throw Error(Errc::io_error, std::format("port {} of 127.0.0.1 cannot be listened on: {}; choose another", port,
                                            std::strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
  socklen_t size = sizeof address;
  ::getsockname(out.get(), generic, &size);
  port = ntohs(address.sin_port);
  return out;
}

}  // namespace

struct McpHttpServer::Impl {
  struct Connection {
    std::thread thread;
    std::atomic<bool> is_over = false;
  };

  std::shared_ptr<rpc::HttpService> service;
  std::size_t most_connections = 0;
  std::uint16_t port = 0;
  Descriptor listener, wake;
  std::list<Connection> connections;
  std::thread thread;

  void serve() {
    while (true) {
      std::array<pollfd, 2> polled{{{listener.get(), POLLIN, 0}, {wake.get(), POLLIN, 0}}};
      ::poll(polled.data(), polled.size(), -1);
      std::erase_if(connections, [](Connection& each) {
        if (!each.is_over) return false;
        each.thread.join();
        return true;
      });
      if (polled[1].revents != 0) break;
      if (polled[0].revents != 0) accept();
    }
    for (auto& each : connections) each.thread.join();
  }

  void accept() {
    Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) return;
    if (connections.size() >= most_connections) return;  // closed at once
    const int yes = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    auto& made = connections.emplace_back();
    made.thread = std::thread([this, &made, held = std::make_shared<Descriptor>(std::move(socket))] {
      rpc::serve_connection(*service, held->get(), wake.get());
      *held = Descriptor();
      made.is_over = true;
    });
  }
};

McpHttpServer::McpHttpServer(const McpServer& server, McpHttpOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->port = options.port;
  impl_->most_connections = options.connections;
  impl_->listener = listening(impl_->port);
  impl_->wake = Descriptor(::eventfd(0, EFD_CLOEXEC));
  impl_->service = std::make_shared<rpc::HttpService>(server.state_, std::move(options), impl_->port);
  impl_->thread = std::thread([impl = impl_.get()] { impl->serve(); });
}

McpHttpServer::~McpHttpServer() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(impl_->wake.get(), &one, sizeof one);  // stays readable for all
  impl_->service->stop_all();
  impl_->thread.join();
}

std::uint16_t McpHttpServer::port() const noexcept {
  return impl_->port;
}

std::string McpHttpServer::url() const {
  return std::format("http://127.0.0.1:{}{}", impl_->port, impl_->service->path());
}

}  // namespace dspy
