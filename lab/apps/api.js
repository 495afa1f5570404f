// A coupon service on Node. MODE names the bug or the work that it does.
const http = require('http');
const fs = require('fs');
const mode = process.env.MODE || 'work';
const rounds = Number(process.argv[2] || 6);
const log = (level, message, extra) => console.log(JSON.stringify({ level, time: new Date().toISOString(), service: 'coupons', message, ...extra }));
const fail = (error, what) => console.error(`${new Date().toISOString()} error: ${what}\n${error.stack}`);

const call = (url) => new Promise((resolve, reject) => {
  const request = http.get(url, { timeout: 1500 }, (answer) => {
    let body = '';
    answer.on('data', (part) => { body += part; });
    answer.on('end', () => { try { resolve(JSON.parse(body)); } catch (error) { reject(error); } });
  });
  request.on('timeout', () => request.destroy(new Error('socket hang up: timeout of 1500ms exceeded')));
  request.on('error', reject);
});

async function once(number) {
  if (mode === 'undefined') { const order = {}; return order.customer.name; }
  if (mode === 'call') return call(process.env.URL);
  if (mode === 'file') return fs.readFileSync('/etc/coupons/rules.json');
  if (mode === 'write') return fs.writeFileSync(`/srv/full/${number}`, 'x'.repeat(200000));
  return number;
}

async function main() {
  log('info', 'coupon service starts', { node: process.version });
  if (mode === 'env' && !process.env.COUPON_SECRET) throw new Error('COUPON_SECRET is not set; refusing to start');
  if (mode === 'module') require('coupon-rules');
  if (mode === 'port') { http.createServer(() => {}).listen(8080, '10.0.1.43'); return; }
  if (mode === 'heap') { const kept = []; for (;;) { kept.push(new Array(100000).fill(Math.random())); if (kept.length % 20 === 0) log('info', `cache holds ${kept.length} pages`); } }
  if (mode === 'rejection') { setTimeout(() => Promise.reject(new Error('coupon 12 was used twice')), 100); setTimeout(() => {}, 1000); return; }
  for (let number = 0; number < rounds; number += 1) {
    try { await once(number); log('info', `coupon ${number} granted`); } catch (error) { fail(error, `coupon ${number} could not be granted`); }
    await new Promise((resolve) => { setTimeout(resolve, 40); });
  }
}
if (mode === 'env' || mode === 'module') main().catch((error) => { console.error(error); process.exit(1); }); else main();
