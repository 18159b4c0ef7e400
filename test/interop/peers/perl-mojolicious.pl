# An echo peer with Mojolicious: ../peers.ts tells what every peer does.
use Mojo::Base -strict, -signatures;
use Mojo::IOLoop;
use Mojo::IOLoop::Stream;
use Mojo::Server::Daemon;
use Mojo::URL;
use Mojo::UserAgent;
use Mojo::WebSocket qw(WS_CONTINUATION WS_PING WS_TEXT);
use Mojolicious;

$| = 1;

sub say_words (@words) { print join(' ', @words), "\n" }

# Neither servers nor clients compress by default.
sub wants_compression ($path) { $path =~ m{^/compressed} }

# `$tx` is a connection of a server or of a client.
sub serve ($tx, $path) {
  say_words 'opened', $path, $tx->protocol || '-';
  $tx->on(binary => sub ($tx, $bytes) { $tx->send({binary => $bytes}) });
  $tx->on(
    text => sub ($tx, $bytes) {
      my ($command, $first, $rest) = split / /, $bytes, 3;
      if    (($command // '') eq '!ping') { $tx->send([1, 0, 0, 0, WS_PING, 'from the peer']) }
      elsif (($command // '') eq '!fragments') {
        $tx->send([0, 0, 0, 0, WS_TEXT,         'one ' x 1000]);
        $tx->send([0, 0, 0, 0, WS_CONTINUATION, 'two ' x 1000]);
        $tx->send([1, 0, 0, 0, WS_CONTINUATION, 'three ' x 1000]);
      }
      elsif (($command // '') eq '!close') { $tx->finish($first => $rest) }
      else                                 { $tx->send({text => $bytes}) }
    }
  );
  $tx->on(finish => sub ($tx, $code, $reason) { say_words 'closed', $path, $code, $reason || '-' });
}

my $app = Mojolicious->new;
$app->log->level('fatal');
$app->routes->websocket(
  '/*rest' => sub ($c) {
    my $path = $c->req->url->path->to_string;
    $c->tx->with_protocols('chat');
    $c->tx->with_compression if wants_compression($path);
    # An inactive connection ends after 30 seconds by default.
    $c->inactivity_timeout(0);
    $c->rendered(101);
    serve($c->tx, $path);
  }
);
my $daemon = Mojo::Server::Daemon->new(app => $app, listen => ['http://127.0.0.1'], silent => 1);
say_words 'listening', $daemon->start->ports->[0];

my $ua = Mojo::UserAgent->new(inactivity_timeout => 0);

sub connect_to ($url, $protocols, $origin) {
  my $path = Mojo::URL->new($url)->path->to_string;
  my %headers;
  $headers{Origin} = $origin if $origin ne '-';
  $headers{'Sec-WebSocket-Extensions'} = 'permessage-deflate' if wants_compression($path);
  my @protocols = $protocols eq '-' ? () : ([split /,/, $protocols]);
  $ua->websocket(
    $url => \%headers => @protocols => sub ($ua, $tx) {
      if    ($tx->is_websocket) { serve($tx, $path) }
      elsif ($tx->res->code)    { say_words 'refused', $path, $tx->res->code }
      else                      { say_words 'failed', $path, $tx->error->{message} }
    }
  );
}

my $input = Mojo::IOLoop::Stream->new(\*STDIN)->timeout(0);
my $rest  = '';
$input->on(
  read => sub ($stream, $bytes) {
    $rest .= $bytes;
    connect_to(split / /, $1) while $rest =~ s/^(.*)\n//;
  }
);
$input->on(close => sub { exit });
$input->start;
Mojo::IOLoop->start;
