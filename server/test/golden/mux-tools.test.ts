import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listTools } from './list-tools.ts'
import { assertGolden, tableOf } from './golden-table.ts'

const tools = await listTools('@mux/mcp/index.js', ['--tools=all'])
const table = tableOf(tools)
const named = (pattern: RegExp) => tools.map(({ name }) => name).filter((name) => pattern.test(name))

/** None of these says in a hint that it is destructive. */
const takingAway = [
  'cancel_video_uploads',
  'complete_video_live_streams',
  'delete_data_annotations',
  'delete_new_asset_settings_static_renditions_video_live_streams',
  'delete_playback_id_video_assets',
  'delete_playback_id_video_live_streams',
  'delete_simulcast_target_video_live_streams',
  'delete_static_rendition_video_assets',
  'delete_system_signing_keys',
  'delete_track_video_assets',
  'delete_video_playback_restrictions',
  'delete_video_transcription_vocabularies',
  'disable_video_live_streams',
  'reset_stream_key_video_live_streams',
]

/** Named as updates, and yet: `none` deletes files, an empty list removes subtitles, the new list replaces the old. */
const takingAwayByTheWay = [
  'update_generated_subtitles_video_live_streams',
  'update_mp4_support_video_assets',
  'update_referrer_video_playback_restrictions',
]

test('the 98 tools of the genuine Mux server are classified as the golden table says', () => {
  assert.equal(tools.length, 98)
  assertGolden(new URL('mux-tools.json', import.meta.url), table)
})

test('every Mux tool that deletes, disables, completes, resets or cancels is destructive', () => {
  assert.deepEqual(named(/^(delete|disable|complete|reset|cancel)_/).sort(), takingAway)
  assert.deepEqual(
    tools.map(({ name }) => name).filter((name) => table[name]?.effect === 'destructive').sort(),
    [...takingAway, ...takingAwayByTheWay].sort(),
  )
})

test('the Mux tools with a read-only hint, and no others, are reads: no deviation to justify', () => {
  const hinted = tools.filter(({ annotations }) => annotations?.readOnlyHint === true).map(({ name }) => name)
  assert.equal(hinted.length, 59)
  assert.deepEqual(tools.map(({ name }) => name).filter((name) => table[name]?.effect === 'read'), hinted)
})

test('the Mux tools that return a key or an address that lets one in carry `secret`', () => {
  const secret = tools.map(({ name }) => name).filter((name) => table[name]?.traits.includes('secret'))
  const wanted = [
    ...named(/^(create|retrieve|list)_(system_signing_keys|video_live_streams|video_uploads)$/),
    ...named(/^(create|retrieve)_simulcast_target_/),
    'reset_stream_key_video_live_streams',
    'update_video_live_streams',
  ]
  assert.equal(wanted.length, 13)
  assert.deepEqual(wanted.filter((name) => !secret.includes(name)), [])
})

test('the Mux tools that run what the caller names are destructive and carry `execution`', async () => {
  const dynamic = tableOf(await listTools('@mux/mcp/index.js', ['--tools=dynamic']))
  const code = tableOf(await listTools('@mux/mcp/index.js', ['--tools=code']))
  for (const tool of [dynamic['invoke_api_endpoint'], code['execute']]) {
    assert.equal(tool?.effect, 'destructive')
    assert.deepEqual(tool.traits, ['execution'])
  }
  assert.equal(dynamic['list_api_endpoints']?.effect, 'read')
  assert.equal(dynamic['get_api_endpoint_schema']?.effect, 'read')
})
