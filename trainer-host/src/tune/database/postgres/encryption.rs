//! How a connection is encrypted, by the address's `sslmode`.
//!
//! - `disable`: not at all.
//! - `prefer`, the usual one: if the server can; its certificate is not checked, so nobody can listen, but somebody in
//!   between can pretend to be the server. Where the server refuses an encrypted connection, one without is made.
//! - `require`: always. The server's certificate must carry the server's name, and an authority that the system
//!   trusts, or one in the file `SSL_CERT_FILE`, must have signed it. This is what libpq calls `verify-full`.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

/// For `require`.
///
/// # Errors
/// When this machine trusts nobody.
pub(super) fn checked() -> Result<MakeRustlsConnect, String> {
    let (tls, _) = MakeRustlsConnect::with_native_certs().map_err(|errors| {
        let nobody = "there are no certificates to trust; name a file of them by SSL_CERT_FILE";
        (errors.iter()).fold(nobody.to_owned(), |problem, error| {
            format!("{problem}; {error}")
        })
    })?;
    Ok(tls)
}

/// For `prefer`.
pub(super) fn unchecked() -> MakeRustlsConnect {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring knows the usual versions of TLS")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

/// Accepts every certificate whose key the server holds.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What to do about a certificate that was refused, if it was.
pub(super) fn advice(error: &tokio_postgres::Error) -> Option<String> {
    let reason = super::io_error(error)?.get_ref()?;
    let rustls::Error::InvalidCertificate(problem) = reason.downcast_ref()? else {
        return None;
    };
    let unchecked = "`sslmode=prefer` encrypts without a check";
    Some(match problem {
        CertificateError::UnknownIssuer => format!(
            "nobody whom this machine trusts has signed the server's certificate. If the server signed it itself, \
             copy the certificate (server.crt) to a file here and name that file by SSL_CERT_FILE; {unchecked}"
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!(
                "the certificate is for another name; connect by a name that it carries, or make one with \
                 `-addext subjectAltName=DNS:name`; {unchecked}"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("renew the server's certificate, or set this machine's clock; {unchecked}")
        }
        // The certificate of an authority, which openssl makes by default.
        CertificateError::Other(_) => format!(
            "if the server signed its certificate itself, make it with \
             `-addext basicConstraints=critical,CA:FALSE`; {unchecked}"
        ),
        _ => unchecked.to_owned(),
    })
}
