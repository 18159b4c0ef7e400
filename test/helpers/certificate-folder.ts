import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type SecureVersion } from 'node:tls';
import { onTestFinished } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { makeFolder } from './folder.ts';

/** A certificateFolder that is removed when the test ends. */
export interface CertificateFolder {
  readonly certificateFolder: string;
  /** The self-signed certificate, which is its own authority. */
  readonly ca: string;
}

export function makeCertificateFolder(): CertificateFolder {
  const { key, cert } = makeCertificate();
  const certificateFolder = makeFolder();
  writeFileSync(join(certificateFolder, 'key.pem'), key);
  writeFileSync(join(certificateFolder, 'cert.pem'), cert);
  return { certificateFolder, ca: cert };
}

/** Does a TLS handshake with this version only. Returns the version that was agreed on, or the error code. */
export async function shakeHands(port: number, ca: string, version: SecureVersion): Promise<string> {
  // At its default security level the client's own OpenSSL refuses TLS 1.1, before the server can.
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const socket = connect({ host: '127.0.0.1', port, ca, minVersion: version, maxVersion: version, ciphers });
  onTestFinished(() => void socket.destroy());
  try {
    await once(socket, 'secureConnect');
    return socket.getProtocol()!;
  } catch (error) {
    return (error as { code: string }).code;
  }
}
