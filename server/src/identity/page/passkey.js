// @ts-nocheck: it runs in browsers, whose types the server does not know.

// Asks the authenticator for what the form's `data-options` say, and sends its answer with the form.

const form = document.querySelector('form[data-passkey]')
const problem = document.getElementById('problem')
const button = form.querySelector('button')

function toBytes(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

function toText(buffer) {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('')
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function ask() {
  const publicKey = JSON.parse(form.dataset.options)
  publicKey.challenge = toBytes(publicKey.challenge)
  if (form.dataset.passkey === 'use') return navigator.credentials.get({ publicKey })
  publicKey.user.id = toBytes(publicKey.user.id)
  publicKey.excludeCredentials = publicKey.excludeCredentials.map((one) => ({ ...one, id: toBytes(one.id) }))
  return navigator.credentials.create({ publicKey })
}

async function run() {
  button.disabled = true
  problem.hidden = true
  try {
    const credential = await ask()
    const response = {}
    for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (credential.response[name]) response[name] = toText(credential.response[name])
    }
    form.elements.answer.value = JSON.stringify({ id: toText(credential.rawId), type: credential.type, response })
    form.submit()
  } catch (error) {
    const known = error.name === 'InvalidStateError'
    problem.textContent = known ? form.dataset.known : form.dataset.failed
    problem.hidden = false
    button.disabled = false
  }
}

if (window.PublicKeyCredential) {
  button.addEventListener('click', run)
  button.hidden = false
  void run()
} else {
  problem.textContent = form.dataset.unable
  problem.hidden = false
}
