#include "storage/redis_tls.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <utility>

#ifdef DSPY_WITH_REDIS_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace dspy::storage {
namespace {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const noexcept {
    release(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Release<SSL_free>>;

/// The oldest error of OpenSSL's that was not told yet.
std::string last_problem() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

class OpenSslTls final : public RedisTls {
 public:
  OpenSslTls(const RedisAddress& address, std::string name) : name_(std::move(name)) {
    ERR_clear_error();
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) fail(Errc::config_error, std::format("cannot use TLS: {}", last_problem()));
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    trust(address.authority);
    begin(address.host);
  }

  bool shake_hands() override {
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 || !wants_more(result);
  }

  void take(std::string_view sealed) override {
    while (!sealed.empty()) {
      const int taken = BIO_write(in_, sealed.data(), size_of(sealed));
      if (taken <= 0) fail(Errc::io_error, "has no memory left");
      sealed.remove_prefix(static_cast<std::size_t>(taken));
    }
  }

  std::string opened() override {
    std::string out;
    std::array<char, std::size_t{16} * 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
    while (true) {
      const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
      if (count > 0) {
        out.append(buffer.data(), static_cast<std::size_t>(count));
      } else if (wants_more(count)) {
        return out;
      }
    }
  }

  void seal(std::string_view plain) override {
    while (!plain.empty()) {
      const int count = SSL_write(ssl_.get(), plain.data(), size_of(plain));
      if (count > 0) {
        plain.remove_prefix(static_cast<std::size_t>(count));
      } else if (wants_more(count)) {
        fail(Errc::io_error, "wants a new handshake in the middle, which this client does not make");
      }
    }
  }

  std::string outgoing() override {
    std::string out(BIO_ctrl_pending(out_), '\0');
    if (!out.empty()) BIO_read(out_, out.data(), static_cast<int>(out.size()));
    return out;
  }

 private:
  [[noreturn]] void fail(Errc code, std::string_view what) const {
    throw Error(code, std::format("the connection to {} {}", name_, what));
  }

  static int size_of(std::string_view bytes) {
    constexpr std::size_t most = std::size_t{1} << 20;
    return static_cast<int>(std::min(bytes.size(), most));
  }

  void trust(const std::string& authority) const {
    if (authority.empty()) {
      SSL_CTX_set_default_verify_paths(context_.get());
    } else if (SSL_CTX_load_verify_locations(context_.get(), authority.c_str(), nullptr) != 1) {
      ERR_clear_error();
      fail(Errc::config_error,
           std::format("needs the certificates in `{}`, which cannot be read; give a PEM file", authority));
    }
  }

  void begin(const std::string& host) {
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    if (!ssl_ || in_ == nullptr || out_ == nullptr) {
      BIO_free(in_);
      BIO_free(out_);
      fail(Errc::config_error, std::format("cannot use TLS: {}", last_problem()));
    }
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
    auto* const checked = SSL_get0_param(ssl_.get());
    if (X509_VERIFY_PARAM_set1_ip_asc(checked, host.c_str()) == 1) return;
    ERR_clear_error();  // it is a name
    X509_VERIFY_PARAM_set1_host(checked, host.c_str(), 0);
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  }

  /// Whether `result` of a call says that more bytes are needed first; fails where it says anything else.
  bool wants_more(int result) const {
    const auto why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return true;
    if (const auto verified = SSL_get_verify_result(ssl_.get()); verified != X509_V_OK)
      fail(Errc::config_error,
           std::format("is not trusted: {}; name the file of the authority that signed its certificate with `?ca=FILE`",
                       X509_verify_cert_error_string(verified)));
    if (why == SSL_ERROR_ZERO_RETURN) fail(Errc::io_error, "was closed");
    fail(Errc::io_error, std::format("is not TLS, or was broken: {}", last_problem()));
  }

  std::string name_;
  Context context_;
  Connection ssl_;
  BIO* in_ = nullptr;   ///< From the server; the connection owns both.
  BIO* out_ = nullptr;  ///< To it.
};

}  // namespace

std::unique_ptr<RedisTls> redis_tls(const RedisAddress& address, std::string name) {
  return std::make_unique<OpenSslTls>(address, std::move(name));
}

}  // namespace dspy::storage

#else

namespace dspy::storage {

std::unique_ptr<RedisTls> redis_tls(const RedisAddress& /*address*/, std::string name) {
  throw Error(Errc::config_error, std::format("the address of {} asks for TLS, and this library was built without "
                                              "OpenSSL; install libcurl4-openssl-dev and build it again",
                                              name));
}

}  // namespace dspy::storage

#endif
