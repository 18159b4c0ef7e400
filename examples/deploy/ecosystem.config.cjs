// pm2 start ecosystem.config.cjs; pm2 reload chat
module.exports = {
  apps: [
    {
      name: 'chat',
      script: 'server.js',
      // All instances share the ports: PM2 hands connections out.
      exec_mode: 'cluster',
      instances: 3,
      // A new instance has taken over when it has sent 'ready'; the old one gets SIGINT then.
      wait_ready: true,
      listen_timeout: 30_000,
      // The deadline of drain(), 30 s, and some more. By default PM2 kills after 1.6 s.
      kill_timeout: 35_000,
      env: { NODE_ENV: 'production', PORT: 8080, ADMIN_PORT: 9080 },
    },
  ],
};
